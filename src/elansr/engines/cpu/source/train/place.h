// Where the pixels of a window lie in pictures of (N, H, W, C).
#pragma once

#include "../common/window.h"
#include "calls.h"

namespace {

// A window of (N, H, W, C).
struct Place : Region {
  Index height, width;

  Place(const elansr::AttentionCall& call, int group, Index number)
      : Region(call, group, number), height(call.height), width(call.width) {}

  // The address of the first channel of each pixel.
  void pixels(const void* base, Index channels, Index offset, Index bytes, char** out) const {
    char* first = static_cast<char*>(const_cast<void*>(base)) + offset * bytes;
    for (Index r = 0; r < rows; ++r) {
      const Index y = top + r < height ? top + r : top + r - height;
      for (Index c = 0; c < columns; ++c) {
        const Index x = left + c < width ? left + c : left + c - width;
        *out++ = first + ((picture * height + y) * width + x) * channels * bytes;
      }
    }
  }
};

}  // namespace
