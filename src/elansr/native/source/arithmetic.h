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
  static ELANSR_INLINE F spread(const float* p) { return Vector::set(*p); }
  static ELANSR_INLINE typename Channels::F madd_narrow(typename Channels::F a, typename Channels::F b,
                                                        typename Channels::F c) {
    return Channels::fma(a, b, c);
  }
  static ELANSR_INLINE typename Channels::F spread_narrow(const float* p) { return Channels::set(*p); }

  // exp(logit - largest), where `origin` was made from `largest` beforehand.
  static ELANSR_INLINE F origin(F largest) { return largest; }
  static ELANSR_INLINE F weight(F logit, F origin) { return exp_precise<Vector>(Vector::sub(logit, origin)); }

  static void read_columns(const char* const* rows, Index pixels, Index channels, float* columns, Index stride) {
    ::read_columns<Vector, Memory>(rows, pixels, channels, columns, stride);
  }

  static void read_rows(const char* const* rows, Index pixels, Index channels, float* out, Index stride) {
    for (Index i = 0; i < pixels; ++i) read_row<Quad, Memory>(rows[i], channels, out + i * stride);
  }

  static void write_columns(float* columns, Index stride, char* const* rows, Index pixels, Index channels) {
    ::write_columns<Vector, Memory>(columns, stride, rows, pixels, channels);
  }

  // Weights of one row of the map, as `weighted_sum` takes them (`paired`) and as `scatter` does (`plain`): here
  // the same.
  static ELANSR_INLINE void store_paired(F x, F, float* paired) { Vector::store(paired, x); }
  static ELANSR_INLINE void store_plain(F x, F, float* plain) { Vector::store(plain, x); }
};

}  // namespace
