// How words are multiplied and probabilities stored: in float32, or in pairs of bfloat16 (arithmetic_bf16.h).
#pragma once

#include "exponential.h"
#include "memory.h"

namespace {

// `Vector` fills the lanes with pixels, `Channels` with channels; `Memory` is the type of the pictures.
template <class Vector, class Channels, template <class> class MemoryIn>
struct Fp32Arithmetic {
  using Simd = Vector;
  using Narrow = Channels;
  using F = typename Vector::F;
  using Quad = typename Vector::Quad;
  using Memory = MemoryIn<Quad>;
  static constexpr Index kPair = 1;  // elements in a word

  static ELANSR_INLINE F madd(F a, F b, F c) { return Vector::fma(a, b, c); }
  static ELANSR_INLINE F madd_spread(F a, const float* p, F c) { return madd(a, spread(p), c); }
  static ELANSR_INLINE F spread(const float* p) { return Vector::set(*p); }
  static ELANSR_INLINE typename Channels::F madd_narrow(typename Channels::F a, typename Channels::F b,
                                                        typename Channels::F c) {
    return Channels::fma(a, b, c);
  }
  static ELANSR_INLINE typename Channels::F spread_narrow(const float* p) { return Channels::set(*p); }

  // exp(logit - largest), where `origin` was made from `largest` beforehand.
  static ELANSR_INLINE F origin(F largest) { return largest; }
  static ELANSR_INLINE F weight(F logit, F origin) { return exp_precise<Vector>(Vector::sub(logit, origin)); }

  // 2^(logit - largest), where logits are made so that this is wanted.
  static ELANSR_INLINE F weight_base2(F logit, F largest) { return exp2_precise<Vector>(Vector::sub(logit, largest)); }

  static void read_columns(const char* const* rows, Index pixels, Index channels, float* columns, Index stride) {
    ::read_columns<Vector, Memory>(rows, pixels, channels, columns, stride);
  }

  static void read_rows(const char* const* rows, Index pixels, Index channels, float* out, Index stride) {
    for (Index i = 0; i < pixels; ++i) read_row<Quad, Memory>(rows[i], channels, out + i * stride);
  }

  static void write_columns(float* columns, Index stride, char* const* rows, Index pixels, Index channels) {
    ::write_columns<Vector, Memory>(columns, stride, rows, pixels, channels);
  }

  // One weight into the word it belongs to.
  static void put(float weight, Index, float* word) { *word = weight; }

  // A word's channels as floats, in vectors of words: added to, put together, split into a column each.
  static ELANSR_INLINE void add_word(F word, F* channels) { channels[0] = Vector::add(channels[0], word); }
  static ELANSR_INLINE F join(const F* channels) { return channels[0]; }
  static ELANSR_INLINE const float* split_words(const float* columns, Index, Index, Index, float*) { return columns; }
  static void join_arrays(const float* low, const float*, Index count, float* words) {
    std::memcpy(words, low, static_cast<std::size_t>(count) * sizeof(float));
  }
  static void add_arrays(const float* words, Index count, float* low, float*) {
    for (Index i = 0; i < count; ++i) low[i] += words[i];
  }

  // Weights of one row of the map, as `weighted_sum` takes them (`paired`) and as `scatter` does (`plain`): here
  // the same.
  static ELANSR_INLINE void store_paired(F x, F, float* paired) { Vector::store(paired, x); }
  static ELANSR_INLINE void store_plain(F x, F, float* plain) { Vector::store(plain, x); }
};

}  // namespace
