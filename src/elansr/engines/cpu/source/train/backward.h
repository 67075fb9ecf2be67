// The gradient of softmax(q q^T) v for one window. With P the map, made anew from q, and dO the gradient of the output:
//   G = dO v^T,  S = P * (G - rowsum(P * G)),  dq = S q + S^T q,  dv = P^T dO.
// A block of rows i of the map, as many as a vector has lanes, is computed at a time. S q then is a weighted sum as in
// the forward pass; S^T q and P^T dO spread the block over all pixels j of the window.
#pragma once

#include "../common/arithmetic.h"
#include "../common/products.h"
#include "place.h"
#include "scatter.h"

namespace {

template <class A>
struct BackwardScratch {
  using Word = typename A::Word;
  char **q_pixels, **v_pixels, **out_pixels, **dq_pixels, **dv_pixels, **sums;
  Word *q, *v, *g, *q_rows, *g_rows;   // columns and rows of q, v and dO
  float *map, *products;               // of one block: P and G
  Word *plain_p, *plain_s, *paired_s;  // of one block: P and S
  float *dq, *dv, *block;              // sums over the blocks, and S q of one block

  BackwardScratch(Arena& arena, const Sizes& size) {
    constexpr Index W = A::Simd::W;
    char*** const pixels[] = {&q_pixels, &v_pixels, &out_pixels, &dq_pixels, &dv_pixels, &sums};
    for (char*** p : pixels) *p = arena.take<char*>(size.padded);
    Word** const columns[] = {&q, &v, &g};
    for (Word** p : columns) *p = arena.take<Word>(size.words * size.stride);
    Word** const rows[] = {&q_rows, &g_rows};
    for (Word** p : rows) *p = arena.take<Word>(size.padded * size.row_stride);
    float** const sums_of_rows[] = {&dq, &dv};
    for (float** p : sums_of_rows) *p = arena.floats(size.padded * size.row_stride);
    map = arena.floats(size.padded * W);
    products = arena.floats(size.padded * W);
    plain_p = arena.words_from<Word>(map, size.padded * W / A::kPair);
    plain_s = arena.words_from<Word>(products, size.padded * W / A::kPair);
    paired_s = arena.words_from<Word>(products, size.padded * W / A::kPair);
    block = arena.floats(size.row_stride * W);
  }
};

// Turns logits and G of one block into P and S, as words for the products.
template <class A>
ELANSR_INLINE void weigh_gradients(const BackwardScratch<A>& s, Index pixels, typename A::F largest) {
  using S = typename A::Simd;
  const typename A::F origin = A::origin(largest);
  typename A::F sum = S::zero(), weighted = S::zero();
  for (Index j = 0; j < pixels; ++j) {
    const typename A::F p = A::weight(S::load(s.map + j * S::W), origin);
    S::store(s.map + j * S::W, p);
    sum = S::add(sum, p);
    weighted = S::fma(p, S::load(s.products + j * S::W), weighted);
  }
  const typename A::F factor = S::div(S::set(1.0f), sum);
  const typename A::F mean = S::mul(weighted, factor);
  for (Index j = 0; j < pixels; j += A::kPair) {
    typename A::F p[2] = {S::zero(), S::zero()}, ds[2] = {S::zero(), S::zero()};
    for (int k = 0; k < A::kPair && j + k < pixels; ++k) {
      p[k] = S::mul(S::load(s.map + (j + k) * S::W), factor);
      ds[k] = S::mul(p[k], S::sub(S::load(s.products + (j + k) * S::W), mean));
    }
    const Index at = j / A::kPair * S::W;
    A::store_paired(ds[0], ds[1], s.paired_s + at);
    A::store_plain(p[0], p[1], s.plain_p + at);
    if (A::kPair == 2) A::store_plain(ds[0], ds[1], s.plain_s + at);
  }
}

template <class A>
void write_gradients(const float* rows, const Sizes& size, char* const* pixels) {
  for (Index i = 0; i < size.pixels; ++i) {
    write_row<typename A::Quad, typename A::Memory>(rows + i * size.row_stride, size.channels, pixels[i]);
  }
}

template <class A>
void attention_backward(const elansr::AttentionCall& call, int group, Index number, char* memory) {
  using S = typename A::Simd;
  const Place place(call, group, number);
  const Sizes size(place.rows * place.columns, call.depth, A::kPair);
  Arena arena(memory);
  const BackwardScratch<A> s(arena, size);
  constexpr Index kBytes = A::Memory::kBytes;
  place.pixels(call.q, call.q_channels, call.q_offsets[group], kBytes, s.q_pixels);
  place.pixels(call.v, call.v_channels, call.v_offsets[group], kBytes, s.v_pixels);
  place.pixels(call.out_gradient, call.out_channels, group * call.depth, kBytes, s.out_pixels);
  place.pixels(call.q_gradient, call.q_channels, call.q_offsets[group], kBytes, s.dq_pixels);
  place.pixels(call.v_gradient, call.v_channels, call.v_offsets[group], kBytes, s.dv_pixels);
  A::read_columns(s.q_pixels, size.pixels, size.channels, s.q, size.stride);
  A::read_columns(s.v_pixels, size.pixels, size.channels, s.v, size.stride);
  A::read_columns(s.out_pixels, size.pixels, size.channels, s.g, size.stride);
  // A block reaches past the last pixel where the window is no multiple of it: zeros there add nothing.
  void* const zeroed[] = {s.q_rows, s.g_rows, s.dq, s.dv};
  for (void* rows : zeroed) std::memset(rows, 0, static_cast<std::size_t>(size.padded * size.row_stride) * 4);
  A::read_rows(s.q_pixels, size.pixels, size.channels, s.q_rows, size.row_stride);
  A::read_rows(s.out_pixels, size.pixels, size.channels, s.g_rows, size.row_stride);
  for (Index j = 0; j < size.pixels; ++j) s.sums[j] = reinterpret_cast<char*>(s.dq + j * size.row_stride);

  const Index pairs = (size.pixels + A::kPair - 1) / A::kPair, counted = round_up(size.pixels, 4);
  constexpr Index kDepth = S::W / A::kPair;
  for (Index i = 0; i < size.pixels; i += S::W) {
    const typename A::F largest = dot<A>(s.q, s.q + i, size.words, size.stride, size.padded, s.map);
    dot<A>(s.v, s.g + i, size.words, size.stride, size.padded, s.products);
    weigh_gradients<A>(s, size.pixels, largest);
    weighted_sum<A>(s.paired_s, s.q_rows, pairs, size.row_stride, size.channels, S::set(1.0f), s.block, S::W);
    // Adding must not meet a channel twice, hence whole fours: the last ones are zero.
    write_columns<S, SumIn<typename A::Quad>>(s.block, S::W, s.sums + i, size.pixels - i, round_up(size.channels, 4));
    const Index row = i / A::kPair * size.row_stride;
    scatter<A>(s.plain_p, kDepth, kDepth, counted, s.g_rows + row, size.channels, s.dv, size.row_stride);
    scatter<A>(s.plain_s, kDepth, kDepth, counted, s.q_rows + row, size.channels, s.dq, size.row_stride);
  }
  write_gradients<A>(s.dq, size, s.dq_pixels);
  write_gradients<A>(s.dv, size, s.dv_pixels);
}

}  // namespace
