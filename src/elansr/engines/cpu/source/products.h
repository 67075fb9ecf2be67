// The three matrix products of attention as register tiles over packed words.
//
// Everywhere one factor fills the lanes of a vector and the other is broadcast, so no sum ever runs across lanes.
// `A` is an arithmetic (see arithmetic.h): A::madd multiplies words and adds the products to floats.
#pragma once

#include "inlining.h"
#include "memory.h"

namespace {

// out[j][lane] = sum over words of broadcast[word][j] * lanes[word][lane] for all j < count, a multiple of the tile;
// returns the largest of them, lane by lane.
template <class A>
typename A::F dot(const float* broadcast, const float* lanes, Index words, Index stride, Index count, float* out) {
  using S = typename A::Simd;
  constexpr int kTile = S::kDotTile;
  typename A::F largest = S::zero();  // never too large: the logit of a pixel with itself is a square
  for (Index j = 0; j < count; j += kTile) {
    typename A::F sum[kTile];
    ELANSR_UNROLL
    for (int k = 0; k < kTile; ++k) sum[k] = S::zero();
    const float* b = broadcast + j;
    const float* l = lanes;
    for (Index word = 0; word < words; ++word, b += stride, l += stride) {
      const typename A::F x = S::load(l);
      ELANSR_UNROLL
      for (int k = 0; k < kTile; ++k) sum[k] = A::madd_spread(x, b + k, sum[k]);
    }
    ELANSR_UNROLL
    for (int k = 0; k < kTile; ++k) {
      S::store(out + (j + k) * S::W, sum[k]);
      largest = S::max(largest, sum[k]);
    }
  }
  return largest;
}

template <class A, int kTile>
ELANSR_INLINE void sum_tile(const float* weights, const float* rows, Index count, Index row_stride,
                            typename A::F factor, float* out, Index out_stride) {
  using S = typename A::Simd;
  typename A::F sum[kTile];
  ELANSR_UNROLL
  for (int k = 0; k < kTile; ++k) sum[k] = S::zero();
  for (Index j = 0; j < count; ++j, weights += S::W, rows += row_stride) {
    const typename A::F w = S::load(weights);
    ELANSR_UNROLL
    for (int k = 0; k < kTile; ++k) sum[k] = A::madd_spread(w, rows + k, sum[k]);
  }
  ELANSR_UNROLL
  for (int k = 0; k < kTile; ++k) S::store(out + k * out_stride, S::mul(sum[k], factor));
}

// out[channel][lane] = factor[lane] * sum over j < count of weights[j][lane] * rows[j][channel]; whole fours of
// channels are written, which rows and out must have room for.
template <class A>
void weighted_sum(const float* weights, const float* rows, Index count, Index row_stride, Index channels,
                  typename A::F factor, float* out, Index out_stride) {
  constexpr int kTile = A::Simd::kSumTile;
  for (Index c = 0; c < channels;) {
    const Index left = channels - c;
    const float* r = rows + c;
    float* o = out + c * out_stride;
    if (kTile > 16 && left > 16) {
      sum_tile<A, (kTile > 16 ? 20 : 4)>(weights, r, count, row_stride, factor, o, out_stride), c += 20;
    } else if (kTile > 4 && left > 12) {
      sum_tile<A, (kTile > 4 ? 16 : 4)>(weights, r, count, row_stride, factor, o, out_stride), c += 16;
    } else if (kTile > 4 && left > 8) {
      sum_tile<A, (kTile > 4 ? 12 : 4)>(weights, r, count, row_stride, factor, o, out_stride), c += 12;
    } else if (kTile > 4 && left > 4) {
      sum_tile<A, (kTile > 4 ? 8 : 4)>(weights, r, count, row_stride, factor, o, out_stride), c += 8;
    } else {
      sum_tile<A, 4>(weights, r, count, row_stride, factor, o, out_stride), c += 4;
    }
  }
}

template <class A, int kVectors>
ELANSR_INLINE void scatter_tile(const float* weights, Index weight_stride, Index depth, const float* rows,
                                float* out, Index row_stride) {
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
    for (int v = 0; v < kVectors; ++v) x[v] = N::load(rows + v * N::W);
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
void scatter(const float* weights, Index weight_stride, Index depth, Index count, const float* rows, Index channels,
             float* out, Index row_stride) {
  using N = typename A::Narrow;
  for (Index c = 0; c < channels;) {
    const Index vectors = (channels - c + N::W - 1) / N::W;
    for (Index j = 0; j < count; j += N::kRows) {
      const float* w = weights + j * weight_stride;
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
