// The third matrix product of attention's gradient as a register tile: a block of the map spread over all pixels.
#pragma once

#include "../common/arithmetic.h"

namespace {

template <class A, int kVectors>
ELANSR_INLINE void scatter_tile(const typename A::Word* weights, Index weight_stride, Index depth,
                                const typename A::Word* rows, float* out, Index row_stride) {
  using N = typename A::Narrow;
  constexpr int kRows = N::kRows;
  typename N::F sum[kRows][kVectors];
  ELANSR_UNROLL
  for (int j = 0; j < kRows; ++j) {
    ELANSR_UNROLL
    for (int v = 0; v < kVectors; ++v) sum[j][v] = N::load(out + j * row_stride + v * N::W);
  }
  for (Index i = 0; i < depth; ++i, rows += row_stride) {
    typename N::F x[kVectors];
    ELANSR_UNROLL
    for (int v = 0; v < kVectors; ++v) x[v] = A::load_narrow(rows + v * N::W);
    ELANSR_UNROLL
    for (int j = 0; j < kRows; ++j) {
      const typename N::F w = A::spread_narrow(weights + j * weight_stride + i);
      ELANSR_UNROLL
      for (int v = 0; v < kVectors; ++v) sum[j][v] = A::madd_narrow(x[v], w, sum[j][v]);
    }
  }
  ELANSR_UNROLL
  for (int j = 0; j < kRows; ++j) {
    ELANSR_UNROLL
    for (int v = 0; v < kVectors; ++v) N::store(out + j * row_stride + v * N::W, sum[j][v]);
  }
}

// out[j][channel] += sum over i < depth of weights[j][i] * rows[i][channel] for all j < count, a multiple of four;
// whole vectors of channels are read and written.
template <class A>
void scatter(const typename A::Word* weights, Index weight_stride, Index depth, Index count,
             const typename A::Word* rows, Index channels, float* out, Index row_stride) {
  using N = typename A::Narrow;
  for (Index c = 0; c < channels;) {
    const Index vectors = (channels - c + N::W - 1) / N::W;
    for (Index j = 0; j < count; j += N::kRows) {
      const typename A::Word* w = weights + j * weight_stride;
      float* o = out + j * row_stride + c;
      if (vectors >= 3) {
        scatter_tile<A, 3>(w, weight_stride, depth, rows + c, o, row_stride);
      } else if (vectors == 2) {
        scatter_tile<A, 2>(w, weight_stride, depth, rows + c, o, row_stride);
      } else {
        scatter_tile<A, 1>(w, weight_stride, depth, rows + c, o, row_stride);
      }
    }
    c += 3 * N::W;
  }
}

}  // namespace
