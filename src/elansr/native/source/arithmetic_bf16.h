// Pairs of bfloat16: products of 8-bit mantissas are exact in float32, sums are kept in float32.
#pragma once

#include "arithmetic.h"
#include "simd_avx512.h"

namespace {

struct Bf16Arithmetic {
  using Simd = Avx512;
  using Narrow = Avx512Narrow;
  using F = __m512;
  using Quad = Quads;
  using Memory = Bfloat16In<Quads>;
  static constexpr Index kPair = 2;

  static ELANSR_INLINE F madd(F a, F b, F c) {
    return _mm512_dpbf16_ps(c, (__m512bh)_mm512_castps_si512(a), (__m512bh)_mm512_castps_si512(b));
  }
  static ELANSR_INLINE __m256 madd_narrow(__m256 a, __m256 b, __m256 c) {
    return _mm256_dpbf16_ps(c, (__m256bh)_mm256_castps_si256(a), (__m256bh)_mm256_castps_si256(b));
  }
  static ELANSR_INLINE F spread(const float* p) { return _mm512_set1_ps(*p); }
  static ELANSR_INLINE __m256 spread_narrow(const float* p) { return _mm256_set1_ps(*p); }

  // The rounding of `origin` is common to a row and cancels in the quotient.
  static ELANSR_INLINE F origin(F largest) { return Avx512::mul(largest, Avx512::set(-kLog2E)); }
  static ELANSR_INLINE F weight(F logit, F origin) {
    return exp2_coarse<Avx512>(Avx512::fma(logit, Avx512::set(kLog2E), origin));
  }

  // A last odd channel makes a word with a zero in its upper half.
  static void read_columns(const char* const* rows, Index pixels, Index channels, float* columns, Index stride) {
    const Index words = channels / 2;
    ::read_columns<Avx512, WordIn<Quads>>(rows, pixels, words, columns, stride);
    if (channels % 2 == 0) return;
    for (Index i = 0; i < stride; ++i) {
      std::uint32_t word = 0;
      if (i < pixels) std::memcpy(&word, rows[i] + words * 4, 2);
      std::memcpy(columns + words * stride + i, &word, 4);
    }
  }

  // Pixels 2k and 2k + 1 share row k; a last odd pixel is paired with zeros.
  static void read_rows(const char* const* rows, Index pixels, Index channels, float* out, Index stride) {
    for (Index i = 0; i < pixels; i += 2, out += stride) {
      if (i + 1 < pixels && channels >= 4) {
        for (Index c = 0; c < channels; c += 4) {
          const Index start = chunk_start(c, channels);
          const __m128 zipped = Quads::zip_bf16(rows[i] + 2 * start, rows[i + 1] + 2 * start);
          Quads::store_f32(reinterpret_cast<char*>(out + start), zipped);
        }
        continue;
      }
      for (Index c = 0; c < channels; ++c) {
        std::uint16_t pair[2] = {};
        std::memcpy(pair, rows[i] + 2 * c, 2);
        if (i + 1 < pixels) std::memcpy(pair + 1, rows[i + 1] + 2 * c, 2);
        std::memcpy(out + c, pair, 4);
      }
    }
  }

  // Rounds the channels of a block in pairs, in place, and writes them as words.
  static void write_columns(float* columns, Index stride, char* const* rows, Index pixels, Index channels) {
    const Index words = channels / 2;
    for (Index c = 0; c < words; ++c) {
      const F low = Avx512::load(columns + 2 * c * stride), high = Avx512::load(columns + (2 * c + 1) * stride);
      store_paired(low, high, columns + c * stride);
    }
    ::write_columns<Avx512, WordIn<Quads>>(columns, stride, rows, pixels, words);
    if (channels % 2 == 0) return;
    for (Index k = 0; k < pixels && k < Avx512::W; ++k) {
      Memory::store1(rows[k] + 4 * words, columns[(channels - 1) * stride + k]);
    }
  }

  // Rows j and j + 1 of the map's block, word by word in pairs.
  static ELANSR_INLINE void store_paired(F first, F second, float* paired) {
    alignas(64) static const std::uint16_t kZip[32] = {0, 16, 1, 17, 2,  18, 3,  19, 4,  20, 5,  21, 6,  22, 7,  23,
                                                       8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
    const __m512i both = (__m512i)_mm512_cvtne2ps_pbh(second, first);
    _mm512_storeu_si512(paired, _mm512_permutexvar_epi16(_mm512_load_si512(kZip), both));
  }

  // The same two rows one after the other: pairs run along the pixels of the block.
  static ELANSR_INLINE void store_plain(F first, F second, float* plain) {
    _mm512_storeu_si512(plain, (__m512i)_mm512_cvtne2ps_pbh(second, first));
  }
};

}  // namespace
