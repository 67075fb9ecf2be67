// One window of one channel group: which pixels it has, how much room its packed arrays take, where scratch lies.
#pragma once

#include "attention.h"
#include "memory.h"

namespace {

// The packed sizes of a window; every count that a tile runs over is a multiple of the tile.
struct Sizes {
  Index pixels, padded, stride, channels, words, row_stride;

  Sizes(Index window, Index depth, Index pair) {
    pixels = window * window;
    padded = round_up(pixels, 16);
    // One cache line more than a power of two: columns would otherwise crowd into a few sets of the cache.
    stride = padded < 64 ? padded : padded + 16;
    channels = depth;
    words = (depth + pair - 1) / pair;
    row_stride = round_up(depth, 8);
  }
};

// Hands out pieces of the scratch memory; with no memory behind it, only counts.
class Arena {
 public:
  explicit Arena(char* memory) : memory_(memory), used_(0) {}
  float* floats(Index count) { return reinterpret_cast<float*>(take(count * 4)); }
  char** pointers(Index count) { return reinterpret_cast<char**>(take(count * static_cast<Index>(sizeof(char*)))); }
  std::size_t used() const { return static_cast<std::size_t>(used_); }

 private:
  char* take(Index bytes) {
    char* piece = memory_ ? memory_ + used_ : nullptr;
    used_ += round_up(bytes, 64);
    return piece;
  }
  char* memory_;
  Index used_;
};

// A window by its number: windows run row by row, picture by picture.
struct Place {
  Index side, picture, top, left, height, width;

  Place(const elansr::AttentionCall& call, int group, Index number) {
    side = call.windows[group];
    height = call.height;
    width = call.width;
    const Index across = width / side, down = height / side, shift = call.shifted ? side / 2 : 0;
    picture = number / (across * down);
    top = number / across % down * side + shift;
    left = number % across * side + shift;
  }

  // The address of the first channel of each pixel. A window pushed over the border goes on at the other side.
  void pixels(const void* base, Index channels, Index offset, Index bytes, char** out) const {
    char* first = static_cast<char*>(const_cast<void*>(base)) + offset * bytes;
    for (Index r = 0; r < side; ++r) {
      const Index y = top + r < height ? top + r : top + r - height;
      for (Index c = 0; c < side; ++c) {
        const Index x = left + c < width ? left + c : left + c - width;
        *out++ = first + ((picture * height + y) * width + x) * channels * bytes;
      }
    }
  }
};

}  // namespace
