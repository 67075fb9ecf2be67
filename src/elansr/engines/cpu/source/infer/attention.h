// 2^(q q^T) v, its weights divided by their sums, for one window of features, a block of as many queries at a time as a
// vector has lanes.
#pragma once

#include "../common/products.h"
#include "../common/window.h"
#include "product.h"

namespace {

template <int kCount, class Word>
ELANSR_INLINE void copy_pixels(Word* to, Index to_stride, const Word* from, Index from_stride, Index words) {
  for (Index word = 0; word < words; ++word, to += to_stride, from += from_stride) std::memcpy(to, from, kCount * 4);
}

// Pixels side by side, word by word; nearly always as many as a window is wide.
template <class Word>
ELANSR_INLINE void copy_pixels(Word* to, Index to_stride, const Word* from, Index from_stride, Index words,
                               Index count) {
  if (count == 16) return copy_pixels<16>(to, to_stride, from, from_stride, words);
  if (count == 8) return copy_pixels<8>(to, to_stride, from, from_stride, words);
  if (count == 4) return copy_pixels<4>(to, to_stride, from, from_stride, words);
  for (Index word = 0; word < words; ++word, to += to_stride, from += from_stride) {
    std::memcpy(to, from, static_cast<std::size_t>(count) * 4);
  }
}

template <class A>
struct WindowAttention {
  using Word = typename A::Word;
  using S = typename A::Simd;
  using F = typename A::F;
  static constexpr Index W = S::W, kLine = 16;

  const elansr::WindowCall& call;
  const Region window;
  const Sizes size;
  Word *q, *v_columns, *v_room, *v, *weights, *rounded;
  float *map, *out;

  WindowAttention(const elansr::WindowCall& c, const Region& w, Arena& arena)
      : call(c), window(w), size(w.rows * w.columns, c.depth, A::kPair) {
    q = arena.take<Word>(size.words * size.stride);
    v_columns = arena.take<Word>(round_up(size.channels, 4) * size.stride);
    v_room = A::kPair == 1 ? nullptr : arena.take<Word>(round_up(size.words, 2) * size.stride);
    v = arena.take<Word>((size.padded + W) * size.row_stride);
    map = arena.floats(size.padded * W);
    weights = arena.words_from<Word>(map, size.padded * W);
    out = arena.floats(size.row_stride * W);
    rounded = arena.take<Word>(size.row_stride * W);
  }

  // Calls `use(word 0 of the pixels, pixel of the window, count)` for every run of pixels side by side in these rows of
  // the window.
  template <class Use>
  ELANSR_INLINE void each_run(Index words, Index offset, Index begin, Index end, Use use) const {
    const Index right = call.width - window.left, before = right < window.columns ? right : window.columns;
    for (Index r = begin; r < end; ++r) {
      const Index y = window.top + r < call.height ? window.top + r : window.top + r - call.height;
      const Index row = ((window.picture * call.height + y) * words + offset) * call.pitch + elansr::kMargin;
      use(row + window.left, r * window.columns, before);
      if (before < window.columns) use(row, r * window.columns + before, window.columns - before);
    }
  }

  void read(const void* features, Index words, Index offset, Word* columns) const {
    const Word* base = static_cast<const Word*>(features);
    each_run(words, offset, 0, window.rows, [&](Index at, Index pixel, Index count) {
      copy_pixels(columns + pixel, size.stride, base + at, call.pitch, size.words, count);
    });
    if (size.pixels == size.padded) return;
    for (Index word = 0; word < size.words; ++word) {
      for (Index i = size.pixels; i < size.padded; ++i) columns[word * size.stride + i] = Word{};
    }
  }

  // Columns [word][pixel] to rows [pixel or pair of pixels][channel], as weighted_sum takes them.
  void turn_values() const {
    const Word* columns = A::split_words(v_columns, size.words, size.padded, size.stride, v_room);
    const Index count = size.padded / A::kPair;
    for (Index i = 0; i < count; i += W) {
      char* rows[W];
      for (Index k = 0; k < W; ++k) rows[k] = reinterpret_cast<char*>(v + (i + k) * size.row_stride);
      for (Index c = 0; c < size.channels; c += 4) {
        F x[4];
        for (int k = 0; k < 4; ++k) x[k] = A::load(columns + (c + k) * (size.stride / A::kPair) + i);
        S::template store_columns<typename A::WordMemory>(rows, c * 4, x);
      }
    }
  }

  // The block of queries from `first` on, from [channel][lane] to the words of its pixels.
  void write(int group, Index first) const {
    for (Index word = 0; word < size.words; ++word) {
      F channels[A::kPair];
      for (int k = 0; k < A::kPair; ++k) channels[k] = S::load(out + (word * A::kPair + k) * W);
      A::store(rounded + word * W, A::join(channels));
    }
    const Index begin_row = first / window.columns;
    const Index end_row = ((first + W < size.pixels ? first + W : size.pixels) - 1) / window.columns + 1;
    each_run(call.out_words, group * size.words, begin_row, end_row, [&](Index at, Index pixel, Index count) {
      const Index begin = pixel > first ? pixel : first;
      const Index end = pixel + count < first + W ? pixel + count : first + W;
      if (begin >= end) return;
      copy_pixels(static_cast<Word*>(call.out) + at + begin - pixel, call.pitch,
                  static_cast<const Word*>(rounded + begin - first), W, size.words, end - begin);
    });
  }

  // What the next windows to the right will read in these rows, once a cache line.
  void fetch(int group, Index begin, Index end) const {
    if (window.left % kLine >= window.columns) return;
    const auto read = [&](const void* features, Index words, Index offset) {
      const Word* base = static_cast<const Word*>(features);
      each_run(words, offset, begin, end, [&](Index at, Index, Index) {
        for (Index word = 0; word < size.words; ++word) {
          ELANSR_PREFETCH(base + at + kLine + word * call.pitch);
        }
      });
    };
    read(call.q, call.q_words, call.q_offsets[group]);
    read(call.v, call.v_words, call.v_offsets[group]);
  }

  void run(int group) const {
    read(call.q, call.q_words, call.q_offsets[group], q);
    read(call.v, call.v_words, call.v_offsets[group], v_columns);
    turn_values();
    const Index rows = (size.pixels + A::kPair - 1) / A::kPair;
    for (Index i = 0; i < size.pixels; i += W) {
      fetch(group, i * window.rows / size.pixels,
            (i + W < size.pixels ? i + W : size.pixels) * window.rows / size.pixels);
      const F largest = dot<A>(q, q + i, size.words, size.stride, size.padded, map);
      const F sum = weigh<A>(map, size.pixels, weights, [=](F logit) { return A::weight_base2(logit, largest); });
      weighted_sum<A>(weights, v, rows, size.row_stride, size.channels, S::div(S::set(1.0f), sum), out, W);
      write(group, i);
    }
  }
};

template <class A>
void window_attention(const elansr::WindowCall& call, int group, Index number, char* memory) {
  Arena arena(memory);
  WindowAttention<A>(call, Region(call, group, number), arena).run(group);
}

template <class A>
std::size_t window_attention_bytes(const elansr::WindowCall& call) {
  std::size_t most = 0;
  for (int group = 0; group < call.groups; ++group) {
    Region whole(call, group, 0);
    whole.rows = whole.columns = call.windows[group];
    Arena arena(nullptr);
    const WindowAttention<A> pieces(call, whole, arena);
    most = arena.used() > most ? arena.used() : most;
  }
  return most;
}

}  // namespace
