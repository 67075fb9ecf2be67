// AVX-512: 16 floats a vector, and 8 where the lanes run over few channels.
#pragma once

#include "quads_x86.h"

namespace {

struct Avx512 {
  static constexpr int W = 16;
  static constexpr int kDotTile = 16, kSumTile = 20;
  static constexpr int kTileOutputs = 12, kTileVectors = 2;
  using F = __m512;
  using Quad = Quads;

  static ELANSR_INLINE F zero() { return _mm512_setzero_ps(); }
  static ELANSR_INLINE F set(float x) { return _mm512_set1_ps(x); }
  static ELANSR_INLINE F load(const void* p) { return _mm512_loadu_ps(p); }
  static ELANSR_INLINE void store(void* p, F x) { _mm512_storeu_ps(p, x); }
  static ELANSR_INLINE F add(F a, F b) { return _mm512_add_ps(a, b); }
  static ELANSR_INLINE F sub(F a, F b) { return _mm512_sub_ps(a, b); }
  static ELANSR_INLINE F mul(F a, F b) { return _mm512_mul_ps(a, b); }
  static ELANSR_INLINE F div(F a, F b) { return _mm512_div_ps(a, b); }
  static ELANSR_INLINE F max(F a, F b) { return _mm512_max_ps(a, b); }
  static ELANSR_INLINE F fma(F a, F b, F c) { return _mm512_fmadd_ps(a, b, c); }
  static ELANSR_INLINE F round(F x) { return _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
  // x - floor(x)
  static ELANSR_INLINE F fraction(F x) { return _mm512_reduce_ps(x, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC); }
  // x * 2^floor(n)
  static ELANSR_INLINE F scale(F x, F n) { return _mm512_scalef_ps(x, n); }

  // In every 128-bit lane: rows become columns.
  static ELANSR_INLINE void transpose_lanes(F x[4]) {
    const F a = _mm512_unpacklo_ps(x[0], x[1]), b = _mm512_unpackhi_ps(x[0], x[1]);
    const F c = _mm512_unpacklo_ps(x[2], x[3]), d = _mm512_unpackhi_ps(x[2], x[3]);
    x[0] = _mm512_castpd_ps(_mm512_unpacklo_pd(_mm512_castps_pd(a), _mm512_castps_pd(c)));
    x[1] = _mm512_castpd_ps(_mm512_unpackhi_pd(_mm512_castps_pd(a), _mm512_castps_pd(c)));
    x[2] = _mm512_castpd_ps(_mm512_unpacklo_pd(_mm512_castps_pd(b), _mm512_castps_pd(d)));
    x[3] = _mm512_castpd_ps(_mm512_unpackhi_pd(_mm512_castps_pd(b), _mm512_castps_pd(d)));
  }

  // Four channels, from `at` bytes on, of W pixels: column k holds channel k of all of them.
  template <class Memory>
  static ELANSR_INLINE void load_columns(const char* const* rows, std::int64_t at, F columns[4]) {
    ELANSR_UNROLL
    for (int r = 0; r < 4; ++r) {
      F x = _mm512_castps128_ps512(Memory::load4(rows[r] + at));
      x = _mm512_insertf32x4(x, Memory::load4(rows[r + 4] + at), 1);
      x = _mm512_insertf32x4(x, Memory::load4(rows[r + 8] + at), 2);
      columns[r] = _mm512_insertf32x4(x, Memory::load4(rows[r + 12] + at), 3);
    }
    transpose_lanes(columns);
  }

  template <class Memory>
  static ELANSR_INLINE void store_columns(char* const* rows, std::int64_t at, F columns[4]) {
    transpose_lanes(columns);
    ELANSR_UNROLL
    for (int r = 0; r < 4; ++r) {
      Memory::store4(rows[r] + at, _mm512_castps512_ps128(columns[r]));
      Memory::store4(rows[r + 4] + at, _mm512_extractf32x4_ps(columns[r], 1));
      Memory::store4(rows[r + 8] + at, _mm512_extractf32x4_ps(columns[r], 2));
      Memory::store4(rows[r + 12] + at, _mm512_extractf32x4_ps(columns[r], 3));
    }
  }
};

struct Avx512Narrow {
  static constexpr int W = 8;
  static constexpr int kRows = 4;
  using F = __m256;

  static ELANSR_INLINE F set(float x) { return _mm256_set1_ps(x); }
  static ELANSR_INLINE F load(const void* p) { return _mm256_loadu_ps(static_cast<const float*>(p)); }
  static ELANSR_INLINE void store(float* p, F x) { _mm256_storeu_ps(p, x); }
  static ELANSR_INLINE F fma(F a, F b, F c) { return _mm256_fmadd_ps(a, b, c); }
};

}  // namespace
