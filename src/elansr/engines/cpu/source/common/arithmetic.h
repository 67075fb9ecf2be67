// The types that kernels are templates of, and the arithmetic of float32.
//
// A *vector* type S (simd_*.h) has W floats and offers
//   F                                    the vector; the same type holds W words of pairs
//   zero, set, load, store               all lanes 0 or x; W floats, or W words, from and to memory of any alignment
//   add, sub, mul, div, max, fma         lane by lane; max(a, b) is b where one of them is not a number
//   round, scale(x, n)                   to a whole number; x * 2^n for whole n <= 0
//   fraction, and scale for any n <= 0   x - floor(x), x * 2^floor(n): where pairs of bfloat16 are multiplied
//   load_columns, store_columns          four channels of W pixels, transposed on the way
//   Quad                                 four floats in memory order: load, store, add, and bfloat16 rounded to even
//   kDotTile, kSumTile                   results that `dot` and `weighted_sum` keep in registers
//   kTileOutputs, kTileVectors           outputs and vectors of pixels that a 1x1 convolution keeps in registers
// A *narrow* type N, whose lanes run over channels, offers W, kRows, F, load, store, set and fma.
//
// An *arithmetic* A says what is multiplied: `Fp32Arithmetic` or `Bf16Arithmetic` (arithmetic_bf16.h). It offers
//   Simd, Narrow, Quad, F, Memory        the types it is made of; Memory is the type of pictures (N, H, W, C)
//   Word, kPair                          what products read, and the numbers in it: a float, or two bfloat16
//   load, store, load_narrow             vectors of words
//   madd, madd_spread, madd_narrow       c + the products of words, summed up in floats; _spread reads one word for all
//   spread, spread_narrow                one word in all lanes
//   origin, weight, weight_base2         exp or 2^ of a logit less the largest of its row
//   read_columns, read_rows, write_columns                  pixels of (N, H, W, C) to words and back (memory.h)
//   add_word, join, split_words, join_arrays, add_arrays    words to and from one float for each number
//   store_paired, store_plain            weights of two neighbouring pixels as `weighted_sum` and as `scatter` read
//   them
#pragma once

#include "exponential.h"
#include "memory.h"

namespace {

// `Vector` fills the lanes with pixels, `Channels` with channels; `MemoryIn` is the type of the pictures.
template <class Vector, class Channels, template <class> class MemoryIn>
struct Fp32Arithmetic {
  using Simd = Vector;
  using Narrow = Channels;
  using F = typename Vector::F;
  using Quad = typename Vector::Quad;
  using Memory = MemoryIn<Quad>;
  using WordMemory = Float32In<Quad>;
  using Word = float;
  static constexpr Index kPair = 1;

  static ELANSR_INLINE F load(const Word* p) { return Vector::load(p); }
  static ELANSR_INLINE void store(Word* p, F x) { Vector::store(p, x); }
  static ELANSR_INLINE typename Channels::F load_narrow(const Word* p) { return Channels::load(p); }

  static ELANSR_INLINE F madd(F a, F b, F c) { return Vector::fma(a, b, c); }
  static ELANSR_INLINE F madd_spread(F a, const Word* p, F c) { return madd(a, spread(p), c); }
  static ELANSR_INLINE F spread(const Word* p) { return Vector::set(*p); }
  static ELANSR_INLINE typename Channels::F madd_narrow(typename Channels::F a, typename Channels::F b,
                                                        typename Channels::F c) {
    return Channels::fma(a, b, c);
  }
  static ELANSR_INLINE typename Channels::F spread_narrow(const Word* p) { return Channels::set(*p); }

  // exp(logit - largest), where `origin` was made from `largest` beforehand.
  static ELANSR_INLINE F origin(F largest) { return largest; }
  static ELANSR_INLINE F weight(F logit, F origin) { return exp_precise<Vector>(Vector::sub(logit, origin)); }

  // 2^(logit - largest), where logits are made so that this is wanted.
  static ELANSR_INLINE F weight_base2(F logit, F largest) { return exp2_precise<Vector>(Vector::sub(logit, largest)); }

  static void read_columns(const char* const* rows, Index pixels, Index channels, Word* columns, Index stride) {
    ::read_columns<Vector, Memory>(rows, pixels, channels, columns, stride);
  }

  static void read_rows(const char* const* rows, Index pixels, Index channels, Word* out, Index stride) {
    for (Index i = 0; i < pixels; ++i) read_row<Quad, Memory>(rows[i], channels, out + i * stride);
  }

  static void write_columns(float* columns, Index stride, char* const* rows, Index pixels, Index channels) {
    ::write_columns<Vector, Memory>(columns, stride, rows, pixels, channels);
  }

  // The numbers of a vector of words, one vector for each: added to, put together.
  static ELANSR_INLINE void add_word(F word, F* channels) { channels[0] = Vector::add(channels[0], word); }
  static ELANSR_INLINE F join(const F* channels) { return channels[0]; }
  static ELANSR_INLINE const Word* split_words(const Word* columns, Index, Index, Index, Word*) { return columns; }
  static void join_arrays(const float* low, const float*, Index count, Word* words) {
    std::memcpy(words, low, static_cast<std::size_t>(count) * sizeof(float));
  }
  static void add_arrays(const Word* words, Index count, float* low, float*) {
    for (Index i = 0; i < count; ++i) low[i] += words[i];
  }

  // Here the weights of a pixel stand alone, and both forms are the same.
  static ELANSR_INLINE void store_paired(F x, F, Word* paired) { Vector::store(paired, x); }
  static ELANSR_INLINE void store_plain(F x, F, Word* plain) { Vector::store(plain, x); }
};

}  // namespace
