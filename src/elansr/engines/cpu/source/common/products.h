// The two matrix products of attention as register tiles over packed words, and the weights in between.
//
// Everywhere one factor fills the lanes of a vector and the other is broadcast, so no sum ever runs across lanes.
// `A` is an arithmetic (see arithmetic.h): A::madd multiplies words and adds the products to floats.
#pragma once

#include "compiler.h"
#include "memory.h"

namespace {

// out[j][lane] = sum over words of broadcast[word][j] * lanes[word][lane] for all j < count, a multiple of the tile;
// returns the largest of them, lane by lane.
template <class A>
typename A::F dot(const typename A::Word* broadcast, const typename A::Word* lanes, Index words, Index stride,
                  Index count, float* out) {
  using S = typename A::Simd;
  constexpr int kTile = S::kDotTile;
  typename A::F largest = S::zero();  // never too large: the logit of a pixel with itself is a square
  for (Index j = 0; j < count; j += kTile) {
    typename A::F sum[kTile];
    ELANSR_UNROLL
    for (int k = 0; k < kTile; ++k) sum[k] = S::zero();
    const typename A::Word* b = broadcast + j;
    const typename A::Word* l = lanes;
    for (Index word = 0; word < words; ++word, b += stride, l += stride) {
      const typename A::F x = A::load(l);
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
ELANSR_INLINE void sum_tile(const typename A::Word* weights, const typename A::Word* rows, Index count,
                            Index row_stride, typename A::F factor, float* out, Index out_stride) {
  using S = typename A::Simd;
  typename A::F sum[kTile];
  ELANSR_UNROLL
  for (int k = 0; k < kTile; ++k) sum[k] = S::zero();
  for (Index j = 0; j < count; ++j, weights += S::W, rows += row_stride) {
    const typename A::F w = A::load(weights);
    ELANSR_UNROLL
    for (int k = 0; k < kTile; ++k) sum[k] = A::madd_spread(w, rows + k, sum[k]);
  }
  ELANSR_UNROLL
  for (int k = 0; k < kTile; ++k) S::store(out + k * out_stride, S::mul(sum[k], factor));
}

// out[channel][lane] = factor[lane] * sum over j < count of weights[j][lane] * rows[j][channel]; whole fours of
// channels are written, which rows and out must have room for.
template <class A>
void weighted_sum(const typename A::Word* weights, const typename A::Word* rows, Index count, Index row_stride,
                  Index channels, typename A::F factor, float* out, Index out_stride) {
  constexpr int kTile = A::Simd::kSumTile;
  for (Index c = 0; c < channels;) {
    const Index left = channels - c;
    const typename A::Word* r = rows + c;
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

// Logits [j][lane] to weights `weight(logit)` for `weighted_sum`; returns their sum.
template <class A, class Weight>
ELANSR_INLINE typename A::F weigh(const float* map, Index pixels, typename A::Word* weights, Weight weight) {
  using S = typename A::Simd;
  typename A::F sum = S::zero(), other = S::zero();
  Index j = 0;
  for (; j + 2 <= pixels; j += 2, map += 2 * S::W) {
    const typename A::F a = weight(S::load(map)), b = weight(S::load(map + S::W));
    sum = S::add(sum, a), other = S::add(other, b);
    A::store_paired(a, b, weights);
    if (A::kPair == 1) A::store_paired(b, b, weights + S::W);
    weights += 2 / A::kPair * S::W;
  }
  if (j < pixels) {
    const typename A::F a = weight(S::load(map));
    sum = S::add(sum, a);
    A::store_paired(a, S::zero(), weights);
  }
  return S::add(sum, other);
}

}  // namespace
