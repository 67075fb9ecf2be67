// 1x1 convolutions over rows of features: lanes are pixels, weights are broadcast. `A` is an arithmetic (arithmetic.h).
#pragma once

#include "../common/arithmetic.h"
#include "calls.h"

namespace {

// Words [first word of a row of pixels][pixel] that a product reads one after the other.
template <class Word>
struct Source {
  const Word* pixels;  // pixel 0 of the first word
  Index stride, words;
};

template <class A>
struct Tile {
  using S = typename A::Simd;
  using Word = typename A::Word;
  static constexpr int kOutputs = S::kTileOutputs, kVectors = S::kTileVectors;
  static constexpr Index kPixels = kVectors * S::W;
  typename A::F sum[kOutputs][kVectors];

  ELANSR_INLINE void start(const float* bias) {
    ELANSR_UNROLL
    for (int o = 0; o < kOutputs; ++o) {
      ELANSR_UNROLL
      for (int v = 0; v < kVectors; ++v) sum[o][v] = S::set(bias[o]);
    }
  }

  ELANSR_INLINE void add(const Word* pixels, Index stride, Index words, const Word* weights) {
    for (Index word = 0; word < words; ++word, pixels += stride, weights += kOutputs) {
      typename A::F x[kVectors];
      ELANSR_UNROLL
      for (int v = 0; v < kVectors; ++v) x[v] = A::load(pixels + v * S::W);
      ELANSR_UNROLL
      for (int o = 0; o < kOutputs; ++o) {
        const typename A::F w = A::spread(weights + o);
        ELANSR_UNROLL
        for (int v = 0; v < kVectors; ++v) sum[o][v] = A::madd(x[v], w, sum[o][v]);
      }
    }
  }
};

// Memory that the rows to come will read or write, fetched a share at a time while this row is computed: the words of a
// tile lie so far apart that the processor does not see by itself what comes next.
template <class Word>
struct Ahead {
  const Word *read[2], *write[2];
  Index read_words[2], write_words[2];

  ELANSR_INLINE void fetch(Index column, Index tile, Index width) const {
    for (int k = 0; k < 2; ++k) {
      for (Index i = share(read_words[k], column, width), end = share(read_words[k], column + tile, width); i < end;
           i += kLine) {
        ELANSR_PREFETCH(read[k] + i);
      }
      for (Index i = share(write_words[k], column, width), end = share(write_words[k], column + tile, width); i < end;
           i += kLine) {
        ELANSR_PREFETCH_TO_WRITE(write[k] + i);
      }
    }
  }

 private:
  static constexpr Index kLine = 16;
  static Index share(Index words, Index column, Index width) {
    return column >= width ? words : words / kLine * column / width * kLine;
  }
};

// All outputs of a row of pixels, handed word by word to `finish(word, column, floats of the word's channels)`.
template <class A, int kSources, class Finish>
ELANSR_INLINE void row_product(const Source<typename A::Word> (&sources)[kSources], const elansr::Layer& layer,
                               Index width, const Ahead<typename A::Word>& ahead, Finish finish) {
  using S = typename A::Simd;
  const Index words = layer.outputs / A::kPair;
  for (Index column = 0; column < width; column += Tile<A>::kPixels) {
    const auto* weights = static_cast<const typename A::Word*>(layer.weights);
    ahead.fetch(column, Tile<A>::kPixels, width);
    for (Index first = 0; first < layer.outputs; first += Tile<A>::kOutputs) {
      Tile<A> tile;
      tile.start(layer.bias + first);
      for (const auto& source : sources) {
        tile.add(source.pixels + column, source.stride, source.words, weights);
        weights += source.words * Tile<A>::kOutputs;
      }
      ELANSR_UNROLL
      for (int o = 0; o < Tile<A>::kOutputs; o += A::kPair) {
        const Index word = (first + o) / A::kPair;
        if (word >= words) break;
        ELANSR_UNROLL
        for (int v = 0; v < Tile<A>::kVectors; ++v) {
          typename A::F channels[A::kPair];
          for (int k = 0; k < A::kPair; ++k) channels[k] = tile.sum[o + k][v];
          finish(word, column + v * S::W, channels);
        }
      }
    }
  }
}

// Nothing lies beside a row of features.
template <class Word>
void close_row(Word* row, Index words, Index pitch, Index width) {
  for (Index word = 0; word < words; ++word) row[word * pitch - 1] = row[word * pitch + width] = Word{};
}

// Runs the rows of one task with `Rows`, which is made of the call and of scratch memory.
template <class Rows, class Call>
void run_task(const Call& call, Index task, char* memory) {
  Arena arena(memory);
  Rows rows(call, arena);
  const Index tasks = (call.height + call.rows - 1) / call.rows, top = task % tasks * call.rows;
  rows.run(task / tasks, top, top + call.rows < call.height ? top + call.rows : call.height);
}

template <class Rows, class Call>
std::size_t task_bytes(const Call& call) {
  Arena arena(nullptr);
  const Rows pieces(call, arena);
  return arena.used();
}

}  // namespace
