// Any processor: 4 floats a vector, which GCC and Clang map to SSE2 or NEON and other compilers spell out.
#pragma once

#include <cstdint>
#include <cstring>

#include "compiler.h"

namespace {

#if defined(__GNUC__)
typedef float Float4 __attribute__((vector_size(16)));
#else
struct Float4 {
  float lane[4];
  float& operator[](int k) { return lane[k]; }
  float operator[](int k) const { return lane[k]; }
};
#define ELANSR_LANEWISE(op)                                            \
  ELANSR_INLINE Float4 operator op(Float4 a, Float4 b) {               \
    return {{a[0] op b[0], a[1] op b[1], a[2] op b[2], a[3] op b[3]}}; \
  }
ELANSR_LANEWISE(+)
ELANSR_LANEWISE(-)
ELANSR_LANEWISE(*)
ELANSR_LANEWISE(/)
#undef ELANSR_LANEWISE
#endif

struct PortableQuads {
  using Q = Float4;

  static ELANSR_INLINE Q load_f32(const char* p) {
    Q x;
    std::memcpy(&x, p, sizeof(x));
    return x;
  }
  static ELANSR_INLINE void store_f32(char* p, Q x) { std::memcpy(p, &x, sizeof(x)); }
  static ELANSR_INLINE Q add(Q a, Q b) { return a + b; }

  static ELANSR_INLINE Q load_bf16(const char* p) {
    std::uint16_t halves[4];
    std::memcpy(halves, p, sizeof(halves));
    std::uint32_t words[4];
    for (int k = 0; k < 4; ++k) words[k] = static_cast<std::uint32_t>(halves[k]) << 16;
    Q x;
    std::memcpy(&x, words, sizeof(x));
    return x;
  }

  // Rounds to nearest, ties to even; what is not a number stays so.
  static ELANSR_INLINE void store_bf16(char* p, Q x) {
    std::uint32_t bits[4];
    std::memcpy(bits, &x, sizeof(bits));
    std::uint16_t halves[4];
    for (int k = 0; k < 4; ++k) {
      const bool nan = (bits[k] & 0x7fffffffu) > 0x7f800000u;
      const std::uint32_t rounded = (bits[k] + 0x7fffu + ((bits[k] >> 16) & 1u)) >> 16;
      halves[k] = static_cast<std::uint16_t>(nan ? 0x7fc0u : rounded);
    }
    std::memcpy(p, halves, sizeof(halves));
  }
};

struct Portable {
  static constexpr int W = 4;
  static constexpr int kRows = 4;
  using F = Float4;
  using Quad = PortableQuads;

  static ELANSR_INLINE F zero() { return set(0.0f); }
  static ELANSR_INLINE F set(float x) { return F{x, x, x, x}; }
  static ELANSR_INLINE F load(const float* p) { return Quad::load_f32(reinterpret_cast<const char*>(p)); }
  static ELANSR_INLINE void store(float* p, F x) { Quad::store_f32(reinterpret_cast<char*>(p), x); }
  static ELANSR_INLINE F add(F a, F b) { return a + b; }
  static ELANSR_INLINE F sub(F a, F b) { return a - b; }
  static ELANSR_INLINE F mul(F a, F b) { return a * b; }
  static ELANSR_INLINE F div(F a, F b) { return a / b; }
  static ELANSR_INLINE F fma(F a, F b, F c) { return a * b + c; }
  static ELANSR_INLINE F max(F a, F b) {
    for (int k = 0; k < 4; ++k) a[k] = a[k] > b[k] ? a[k] : b[k];
    return a;
  }

  // To the nearest whole number, for numbers small enough for the fraction to fall off the end of the sum.
  static ELANSR_INLINE F round(F x) {
    const F magic = set(12582912.0f);
    return (x + magic) - magic;
  }

  // x * 2^n for whole n <= 0, at least 2^-126. Not a number stays so because x then is not one either.
  static ELANSR_INLINE F scale(F x, F n) {
    std::int32_t bits[4];
    for (int k = 0; k < 4; ++k) bits[k] = (n[k] > -126.0f ? static_cast<std::int32_t>(n[k]) + 127 : 1) << 23;
    F power;
    std::memcpy(&power, bits, sizeof(power));
    return x * power;
  }

  static ELANSR_INLINE void transpose(F x[4]) {
    const F a = x[0], b = x[1], c = x[2], d = x[3];
    for (int k = 0; k < 4; ++k) x[k] = F{a[k], b[k], c[k], d[k]};
  }

  template <class Memory>
  static ELANSR_INLINE void load_columns(const char* const* rows, std::int64_t at, F columns[4]) {
    for (int r = 0; r < 4; ++r) columns[r] = Memory::load4(rows[r] + at);
    transpose(columns);
  }

  template <class Memory>
  static ELANSR_INLINE void store_columns(char* const* rows, std::int64_t at, F columns[4]) {
    transpose(columns);
    for (int r = 0; r < 4; ++r) Memory::store4(rows[r] + at, columns[r]);
  }
};

}  // namespace
