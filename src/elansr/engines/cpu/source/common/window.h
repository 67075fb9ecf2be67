// One window of one channel group: which pixels it has, how much room its packed arrays take.
#pragma once

#include "memory.h"

namespace {

// The packed sizes of a window of so many pixels; every count that a tile runs over is a multiple of the tile.
struct Sizes {
  Index pixels, padded, stride, channels, words, row_stride;

  Sizes(Index window_pixels, Index depth, Index pair) {
    pixels = window_pixels;
    padded = round_up(pixels, 16);
    // One cache line more than a power of two: columns would otherwise crowd into a few sets of the cache.
    stride = padded < 64 ? padded : padded + 16;
    channels = depth;
    words = (depth + pair - 1) / pair;
    row_stride = round_up(depth, 8);
  }
};

// A window by its number, row by row, picture by picture. Shifted windows that reach over the border go on at the
// opposite one; where borders are closed, every window ends there.
struct Region {
  Index picture, top, left, rows, columns;

  template <class Call>
  Region(const Call& call, int group, Index number) {
    const Index side = call.windows[group], first = start(call, side);
    const Index across = along(call.width, first, side), down = along(call.height, first, side);
    picture = number / (across * down);
    top = first + number / across % down * side;
    left = first + number % across * side;
    rows = columns = side;
    if (call.closed) cut(top, rows, call.height), cut(left, columns, call.width);
  }

  template <class Call>
  static Index count(const Call& call, int group) {
    const Index side = call.windows[group], first = start(call, side);
    return call.pictures * along(call.width, first, side) * along(call.height, first, side);
  }

 private:
  // Where the first window begins; before the border where windows are cut off there.
  template <class Call>
  static Index start(const Call& call, Index side) {
    if (!call.shifted || side == 1) return 0;
    return call.closed ? side / 2 - side : side / 2;
  }
  static Index along(Index size, Index first, Index side) {
    return first > 0 ? size / side : (size - first + side - 1) / side;
  }
  static void cut(Index& begin, Index& size, Index limit) {
    const Index end = begin + size < limit ? begin + size : limit;
    begin = begin > 0 ? begin : 0;
    size = end - begin;
  }
};

}  // namespace
