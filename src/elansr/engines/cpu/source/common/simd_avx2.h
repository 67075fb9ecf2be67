// AVX2 with FMA: 8 floats a vector.
#pragma once

#include "quads_x86.h"

namespace {

struct Avx2 {
  static constexpr int W = 8;
  static constexpr int kRows = 4;
  using F = __m256;
  using Quad = Quads;

  static ELANSR_INLINE F zero() { return _mm256_setzero_ps(); }
  static ELANSR_INLINE F set(float x) { return _mm256_set1_ps(x); }
  static ELANSR_INLINE F load(const float* p) { return _mm256_loadu_ps(p); }
  static ELANSR_INLINE void store(float* p, F x) { _mm256_storeu_ps(p, x); }
  static ELANSR_INLINE F add(F a, F b) { return _mm256_add_ps(a, b); }
  static ELANSR_INLINE F sub(F a, F b) { return _mm256_sub_ps(a, b); }
  static ELANSR_INLINE F mul(F a, F b) { return _mm256_mul_ps(a, b); }
  static ELANSR_INLINE F div(F a, F b) { return _mm256_div_ps(a, b); }
  static ELANSR_INLINE F max(F a, F b) { return _mm256_max_ps(a, b); }
  static ELANSR_INLINE F fma(F a, F b, F c) { return _mm256_fmadd_ps(a, b, c); }
  static ELANSR_INLINE F round(F x) { return _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }

  // x * 2^n for whole n <= 0, at least 2^-126; the order of `max` lets through what is not a number.
  static ELANSR_INLINE F scale(F x, F n) {
    const F bounded = _mm256_max_ps(_mm256_set1_ps(-126.0f), n);
    const __m256i exponent = _mm256_add_epi32(_mm256_cvtps_epi32(bounded), _mm256_set1_epi32(127));
    return _mm256_mul_ps(x, _mm256_castsi256_ps(_mm256_slli_epi32(exponent, 23)));
  }

  // In either 128-bit lane: rows become columns.
  static ELANSR_INLINE void transpose_lanes(F x[4]) {
    const F a = _mm256_unpacklo_ps(x[0], x[1]), b = _mm256_unpackhi_ps(x[0], x[1]);
    const F c = _mm256_unpacklo_ps(x[2], x[3]), d = _mm256_unpackhi_ps(x[2], x[3]);
    x[0] = _mm256_castpd_ps(_mm256_unpacklo_pd(_mm256_castps_pd(a), _mm256_castps_pd(c)));
    x[1] = _mm256_castpd_ps(_mm256_unpackhi_pd(_mm256_castps_pd(a), _mm256_castps_pd(c)));
    x[2] = _mm256_castpd_ps(_mm256_unpacklo_pd(_mm256_castps_pd(b), _mm256_castps_pd(d)));
    x[3] = _mm256_castpd_ps(_mm256_unpackhi_pd(_mm256_castps_pd(b), _mm256_castps_pd(d)));
  }

  // Four channels, from `at` bytes on, of W pixels: column k holds channel k of all of them.
  template <class Memory>
  static ELANSR_INLINE void load_columns(const char* const* rows, std::int64_t at, F columns[4]) {
    ELANSR_UNROLL
    for (int r = 0; r < 4; ++r) {
      const F x = _mm256_castps128_ps256(Memory::load4(rows[r] + at));
      columns[r] = _mm256_insertf128_ps(x, Memory::load4(rows[r + 4] + at), 1);
    }
    transpose_lanes(columns);
  }

  template <class Memory>
  static ELANSR_INLINE void store_columns(char* const* rows, std::int64_t at, F columns[4]) {
    transpose_lanes(columns);
    ELANSR_UNROLL
    for (int r = 0; r < 4; ++r) {
      Memory::store4(rows[r] + at, _mm256_castps256_ps128(columns[r]));
      Memory::store4(rows[r + 4] + at, _mm256_extractf128_ps(columns[r], 1));
    }
  }
};

}  // namespace
