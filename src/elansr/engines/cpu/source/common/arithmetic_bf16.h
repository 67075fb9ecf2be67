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
  using WordMemory = PairIn<Quads>;
  using Word = BfloatPair;
  static constexpr Index kPair = 2;

  static ELANSR_INLINE F load(const Word* p) { return Avx512::load(p); }
  static ELANSR_INLINE void store(Word* p, F x) { Avx512::store(p, x); }
  static ELANSR_INLINE __m256 load_narrow(const Word* p) { return Avx512Narrow::load(p); }

  static ELANSR_INLINE F madd(F a, F b, F c) {
    return _mm512_dpbf16_ps(c, (__m512bh)_mm512_castps_si512(a), (__m512bh)_mm512_castps_si512(b));
  }
  static ELANSR_INLINE __m256 madd_narrow(__m256 a, __m256 b, __m256 c) {
    return _mm256_dpbf16_ps(c, (__m256bh)_mm256_castps_si256(a), (__m256bh)_mm256_castps_si256(b));
  }
  // c + a * the word at p in every lane: a broadcast inside the instruction, which compilers do not make by themselves.
  static ELANSR_INLINE F madd_spread(F a, const Word* p, F c) {
#if defined(__GNUC__)
    __asm__("vdpbf16ps %2%{1to16%}, %1, %0" : "+v"(c) : "v"(a), "m"(*p));
    return c;
#else
    return madd(a, spread(p), c);
#endif
  }
  static ELANSR_INLINE F spread(const Word* p) { return _mm512_castsi512_ps(_mm512_set1_epi32(bits(p))); }
  static ELANSR_INLINE __m256 spread_narrow(const Word* p) { return _mm256_castsi256_ps(_mm256_set1_epi32(bits(p))); }
  static ELANSR_INLINE std::int32_t bits(const Word* p) {
    std::int32_t x;
    std::memcpy(&x, p, sizeof(x));
    return x;
  }

  // The rounding of `origin` is common to a row and cancels in the quotient.
  static ELANSR_INLINE F origin(F largest) { return Avx512::mul(largest, Avx512::set(-kLog2E)); }
  static ELANSR_INLINE F weight(F logit, F origin) {
    return exp2_coarse<Avx512>(Avx512::fma(logit, Avx512::set(kLog2E), origin));
  }

  static ELANSR_INLINE F weight_base2(F logit, F largest) { return exp2_coarse<Avx512>(Avx512::sub(logit, largest)); }

  // A last odd channel makes a word with a zero in its upper half.
  static void read_columns(const char* const* rows, Index pixels, Index channels, Word* columns, Index stride) {
    const Index words = channels / 2;
    ::read_columns<Avx512, WordMemory>(rows, pixels, words, columns, stride);
    if (channels % 2 == 0) return;
    for (Index i = 0; i < stride; ++i) {
      Word word = {0, 0};
      if (i < pixels) std::memcpy(&word.low, rows[i] + words * 4, 2);
      columns[words * stride + i] = word;
    }
  }

  // Pixels 2k and 2k + 1 share row k; a last odd pixel is paired with zeros.
  static void read_rows(const char* const* rows, Index pixels, Index channels, Word* out, Index stride) {
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
        Word pair = {0, 0};
        std::memcpy(&pair.low, rows[i] + 2 * c, 2);
        if (i + 1 < pixels) std::memcpy(&pair.high, rows[i + 1] + 2 * c, 2);
        out[c] = pair;
      }
    }
  }

  // Rounds the channels of a block in pairs, over the floats themselves, and writes them as words.
  static void write_columns(float* columns, Index stride, char* const* rows, Index pixels, Index channels) {
    const Index words = channels / 2;
    Word* rounded = reinterpret_cast<Word*>(columns);
    for (Index c = 0; c < words; ++c) {
      const F low = Avx512::load(columns + 2 * c * stride), high = Avx512::load(columns + (2 * c + 1) * stride);
      store_paired(low, high, rounded + c * stride);
    }
    ::write_columns<Avx512, WordMemory>(rounded, stride, rows, pixels, words);
    if (channels % 2 == 0) return;
    for (Index k = 0; k < pixels && k < Avx512::W; ++k) {
      Memory::store1(rows[k] + 4 * words, columns[(channels - 1) * stride + k]);
    }
  }

  static ELANSR_INLINE F low(F words) { return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_castps_si512(words), 16)); }
  static ELANSR_INLINE F high(F words) {
    return _mm512_castsi512_ps(_mm512_and_si512(_mm512_castps_si512(words), _mm512_set1_epi32(0xffff0000)));
  }
  static ELANSR_INLINE void add_word(F word, F* channels) {
    channels[0] = Avx512::add(channels[0], low(word));
    channels[1] = Avx512::add(channels[1], high(word));
  }
  static ELANSR_INLINE F join(const F* channels) {
    F words;
    store_paired(channels[0], channels[1], reinterpret_cast<Word*>(&words));
    return words;
  }

  // Columns of words, which are pairs of channels, to columns of channels, whose words are pairs of pixels.
  static ELANSR_INLINE const Word* split_words(const Word* columns, Index words, Index padded, Index stride,
                                               Word* room) {
    for (Index word = 0; word < words; ++word) {
      char* low = reinterpret_cast<char*>(room + word * stride);
      char* high = low + 2 * stride;
      for (Index i = 0; i < padded; i += 16) {
        const __m512i x = _mm512_loadu_si512(columns + word * stride + i);
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(low + 2 * i), _mm512_cvtepi32_epi16(x));
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(high + 2 * i), _mm512_cvtepi32_epi16(_mm512_srli_epi32(x, 16)));
      }
    }
    return room;
  }

  static void join_arrays(const float* low, const float* high, Index count, Word* words) {
    for (Index i = 0; i < count; i += 16) {
      const __mmask16 here = i + 16 <= count ? 0xffff : static_cast<__mmask16>((1u << (count - i)) - 1);
      const F channels[2] = {_mm512_maskz_loadu_ps(here, low + i), _mm512_maskz_loadu_ps(here, high + i)};
      _mm512_mask_storeu_ps(words + i, here, join(channels));
    }
  }
  static void add_arrays(const Word* words, Index count, float* first, float* second) {
    for (Index i = 0; i < count; i += 16) {
      const __mmask16 here = i + 16 <= count ? 0xffff : static_cast<__mmask16>((1u << (count - i)) - 1);
      const F x = _mm512_maskz_loadu_ps(here, words + i);
      _mm512_mask_storeu_ps(first + i, here, Avx512::add(_mm512_maskz_loadu_ps(here, first + i), low(x)));
      _mm512_mask_storeu_ps(second + i, here, Avx512::add(_mm512_maskz_loadu_ps(here, second + i), high(x)));
    }
  }

  // Rows j and j + 1 of the map's block, word by word in pairs.
  static ELANSR_INLINE void store_paired(F first, F second, Word* paired) {
    alignas(64) static const std::uint16_t kZip[32] = {0, 16, 1, 17, 2,  18, 3,  19, 4,  20, 5,  21, 6,  22, 7,  23,
                                                       8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
    const __m512i both = (__m512i)_mm512_cvtne2ps_pbh(second, first);
    _mm512_storeu_si512(paired, _mm512_permutexvar_epi16(_mm512_load_si512(kZip), both));
  }

  // The same two rows one after the other: pairs run along the pixels of the block.
  static ELANSR_INLINE void store_plain(F first, F second, Word* plain) {
    _mm512_storeu_si512(plain, (__m512i)_mm512_cvtne2ps_pbh(second, first));
  }
};

}  // namespace
