// softmax(q q^T) v for one window, a block of as many queries at a time as a vector has lanes.
#pragma once

#include "../common/arithmetic.h"
#include "../common/products.h"
#include "place.h"

namespace {

template <class A>
struct ForwardScratch {
  using Word = typename A::Word;
  char **q_pixels, **v_pixels, **out_pixels;
  Word *q, *v, *weights;
  float *map, *out;

  ForwardScratch(Arena& arena, const Sizes& size) {
    constexpr Index W = A::Simd::W;
    q_pixels = arena.take<char*>(size.padded);
    v_pixels = arena.take<char*>(size.padded);
    out_pixels = arena.take<char*>(size.padded);
    q = arena.take<Word>(size.words * size.stride);
    v = arena.take<Word>(size.padded * size.row_stride);
    map = arena.floats(size.padded * W);
    weights = arena.words_from<Word>(map, size.padded * W);
    out = arena.floats(size.row_stride * W);
  }
};

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
