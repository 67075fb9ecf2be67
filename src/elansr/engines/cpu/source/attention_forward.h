// softmax(q q^T) v for one window, a block of as many queries at a time as a vector has lanes.
#pragma once

#include "products.h"
#include "window.h"

namespace {

template <class A>
struct ForwardScratch {
  char **q_pixels, **v_pixels, **out_pixels;
  float *q, *v, *map, *weights, *out;

  ForwardScratch(Arena& arena, const Sizes& size) {
    constexpr Index W = A::Simd::W;
    q_pixels = arena.pointers(size.padded);
    v_pixels = arena.pointers(size.padded);
    out_pixels = arena.pointers(size.padded);
    q = arena.floats(size.words * size.stride);
    v = arena.floats(size.padded * size.row_stride);
    map = arena.floats(size.padded * W);
    weights = A::kPair == 1 ? map : arena.floats(size.padded * W);
    out = arena.floats(size.row_stride * W);
  }
};

// Logits [j][lane] to weights `weight(logit)` for `weighted_sum`; returns their sum.
template <class A, class Weight>
ELANSR_INLINE typename A::F weigh(const float* map, Index pixels, float* weights, Weight weight) {
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

template <class A>
void attention_forward(const elansr::AttentionCall& call, int group, Index number, char* memory) {
  using S = typename A::Simd;
  const Place place(call, group, number);
  const Sizes size(place.rows * place.columns, call.depth, A::kPair);
  Arena arena(memory);
  const ForwardScratch<A> s(arena, size);
  constexpr Index kBytes = A::Memory::kBytes;
  place.pixels(call.q, call.q_channels, call.q_offsets[group], kBytes, s.q_pixels);
  place.pixels(call.v, call.v_channels, call.v_offsets[group], kBytes, s.v_pixels);
  place.pixels(call.out, call.out_channels, group * call.depth, kBytes, s.out_pixels);
  A::read_columns(s.q_pixels, size.pixels, size.channels, s.q, size.stride);
  A::read_rows(s.v_pixels, size.pixels, size.channels, s.v, size.row_stride);
  const Index rows = (size.pixels + A::kPair - 1) / A::kPair;
  for (Index i = 0; i < size.pixels; i += S::W) {
    const typename A::F largest = dot<A>(s.q, s.q + i, size.words, size.stride, size.padded, s.map);
    const typename A::F origin = A::origin(largest);
    const auto weight = [=](typename A::F logit) { return A::weight(logit, origin); };
    const typename A::F sum = weigh<A>(s.map, size.pixels, s.weights, weight);
    const typename A::F factor = S::div(S::set(1.0f), sum);
    weighted_sum<A>(s.weights, s.v, rows, size.row_stride, size.channels, factor, s.out, S::W);
    A::write_columns(s.out, S::W, s.out_pixels + i, size.pixels - i, size.channels);
  }
}

}  // namespace
