// Four floats at a time in memory order, on x86: how pictures of either type are read and written.
#pragma once

#include <immintrin.h>

#include <cstdint>
#include <cstring>

#include "compiler.h"

namespace {

struct Quads {
  using Q = __m128;

  static ELANSR_INLINE Q load_f32(const char* p) { return _mm_loadu_ps(reinterpret_cast<const float*>(p)); }
  static ELANSR_INLINE void store_f32(char* p, Q x) { _mm_storeu_ps(reinterpret_cast<float*>(p), x); }
  static ELANSR_INLINE Q add(Q a, Q b) { return _mm_add_ps(a, b); }

  static ELANSR_INLINE Q load_bf16(const char* p) {
    const __m128i halves = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(p));
    return _mm_castsi128_ps(_mm_unpacklo_epi16(_mm_setzero_si128(), halves));
  }

  // Rounds to nearest, ties to even; what is not a number stays so.
  static ELANSR_INLINE void store_bf16(char* p, Q x) {
    const __m128i bits = _mm_castps_si128(x);
    const __m128i odd = _mm_and_si128(_mm_srli_epi32(bits, 16), _mm_set1_epi32(1));
    const __m128i rounded = _mm_add_epi32(bits, _mm_add_epi32(odd, _mm_set1_epi32(0x7fff)));
    const __m128i nan = _mm_castps_si128(_mm_cmpunord_ps(x, x));
    const __m128i kept = _mm_or_si128(_mm_andnot_si128(nan, rounded), _mm_and_si128(nan, _mm_set1_epi32(0x7fc00000)));
    const __m128i high = _mm_srai_epi32(kept, 16);
    _mm_storel_epi64(reinterpret_cast<__m128i*>(p), _mm_packs_epi32(high, high));
  }

  // Four words, each with a bfloat16 of `low` in its lower half and the one of `high` in its upper half.
  static ELANSR_INLINE Q zip_bf16(const char* low, const char* high) {
    const __m128i a = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(low));
    const __m128i b = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(high));
    return _mm_castsi128_ps(_mm_unpacklo_epi16(a, b));
  }
};

}  // namespace
