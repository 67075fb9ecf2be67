// 1x1 convolutions over rows: lanes are pixels, weights are broadcast.
//
// `A` is an arithmetic (see arithmetic.h). Packed weights are [tile of outputs][word of the inputs][output of the tile].
#pragma once

#include "memory.h"
#include "rows.h"

namespace {

// Words [first word of a row of pixels][pixel] that a product reads one after the other.
struct Source {
  const float* pixels;  // pixel 0 of the first word
  Index stride, words;
};

template <class A>
struct RowTile {
  using S = typename A::Simd;
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

  ELANSR_INLINE void add(const float* pixels, Index stride, Index words, const float* weights) {
    for (Index word = 0; word < words; ++word, pixels += stride, weights += kOutputs) {
      typename A::F x[kVectors];
      ELANSR_UNROLL
      for (int v = 0; v < kVectors; ++v) x[v] = S::load(pixels + v * S::W);
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
struct Ahead {
  const float *read[2], *write[2];
  Index read_floats[2], write_floats[2];

  ELANSR_INLINE void fetch(Index column, Index tile, Index width) const {
    for (int k = 0; k < 2; ++k) {
      for (Index i = share(read_floats[k], column, width), end = share(read_floats[k], column + tile, width); i < end;
           i += kLine) {
        ELANSR_PREFETCH(read[k] + i);
      }
      for (Index i = share(write_floats[k], column, width), end = share(write_floats[k], column + tile, width);
           i < end; i += kLine) {
        ELANSR_PREFETCH_TO_WRITE(write[k] + i);
      }
    }
  }

 private:
  static constexpr Index kLine = 16;
  static Index share(Index floats, Index column, Index width) {
    return column >= width ? floats : floats / kLine * column / width * kLine;
  }
};

// All outputs of a row of pixels, handed word by word to `finish(word, column, floats of the word's channels)`.
template <class A, int kSources, class Finish>
ELANSR_INLINE void row_product(const Source (&sources)[kSources], const elansr::Layer& layer, Index width,
                               const Ahead& ahead, Finish finish) {
  using Tile = RowTile<A>;
  using S = typename A::Simd;
  const Index words = layer.outputs / A::kPair;
  for (Index column = 0; column < width; column += Tile::kPixels) {
    const float* weights = layer.weights;
    ahead.fetch(column, Tile::kPixels, width);
    for (Index first = 0; first < layer.outputs; first += Tile::kOutputs) {
      Tile tile;
      tile.start(layer.bias + first);
      for (const Source& source : sources) {
        tile.add(source.pixels + column, source.stride, source.words, weights);
        weights += source.words * Tile::kOutputs;
      }
      ELANSR_UNROLL
      for (int o = 0; o < Tile::kOutputs; o += A::kPair) {
        const Index word = (first + o) / A::kPair;
        if (word >= words) break;
        ELANSR_UNROLL
        for (int v = 0; v < Tile::kVectors; ++v) {
          typename A::F channels[A::kPair];
          for (int k = 0; k < A::kPair; ++k) channels[k] = tile.sum[o + k][v];
          finish(word, column + v * S::W, channels);
        }
      }
    }
  }
}

template <class A>
std::int64_t pack_rows(std::int64_t outputs, std::int64_t inputs, const float* weights, float* packed) {
  constexpr Index kOutputs = RowTile<A>::kOutputs;
  const Index words = inputs / A::kPair, size = round_up(outputs, kOutputs) * words;
  if (!packed) return size;
  std::memset(packed, 0, sizeof(float) * size);
  for (Index o = 0; o < outputs; ++o) {
    float* tile = packed + o / kOutputs * words * kOutputs + o % kOutputs;
    for (Index i = 0; i < inputs; ++i) {
      A::put(weights[o * inputs + i], i % A::kPair, tile + i / A::kPair * kOutputs);
    }
  }
  return size;
}

}  // namespace
