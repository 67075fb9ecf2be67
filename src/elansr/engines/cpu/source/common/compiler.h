// A register tile only stays in registers where the compiler inlines and unrolls all of it.
#pragma once

#if defined(_MSC_VER) && !defined(__clang__)
#define ELANSR_INLINE __forceinline
#define ELANSR_UNROLL
#elif defined(__clang__)
#define ELANSR_INLINE inline __attribute__((always_inline))
#define ELANSR_UNROLL _Pragma("unroll")
#else
#define ELANSR_INLINE inline __attribute__((always_inline))
#define ELANSR_UNROLL _Pragma("GCC unroll 32")
#endif

#if defined(__GNUC__) || defined(__clang__)
#define ELANSR_PREFETCH(address) __builtin_prefetch(address, 0, 2)
#define ELANSR_PREFETCH_TO_WRITE(address) __builtin_prefetch(address, 1, 2)
#else
#define ELANSR_PREFETCH(address)
#define ELANSR_PREFETCH_TO_WRITE(address)
#endif
