// The tail: the long skip, a 3x3 convolution and PixelShuffle in one pass, in float32 whatever the type of the body.
#pragma once

#include "rows_product.h"
#include "window.h"

namespace {

constexpr int kTaps = 9;

// Row by row: `head` (planes) plus the body's rows, kept for the three rows that a row of the result depends on.
template <class A, class Body>
class RowTail {
 public:
  RowTail(const elansr::TailCall& call, Arena& arena) : call_(call), words_(call.layer.inputs) {
    zeros_ = arena.floats(call.pitch);
    ring_ = arena.floats(kRing * words_ * call.pitch);
    outputs_ = arena.floats(round_up(call.layer.outputs, RowTile<A>::kOutputs) * call.pitch);
  }

  void run(Index picture, Index top, Index bottom) {
    picture_ = picture;
    std::memset(zeros_, 0, sizeof(float) * call_.pitch);
    for (Index y = top - 1; y <= bottom; ++y) {
      if (inside(y)) skip(y);
      if (y > top) convolve(y - 1), shuffle(y - 1);
    }
  }

 private:
  static constexpr int kRing = 3;

  bool inside(Index y) const { return y >= 0 && y < call_.height; }
  float* row(Index y) const { return ring_ + y % kRing * words_ * call_.pitch + elansr::kMargin; }

  void skip(Index y) const {
    const Index plane = call_.height * call_.width, body_words = words_ / Body::kPair;
    const float* head = call_.head + picture_ * words_ * plane + y * call_.width;
    const float* body = call_.body + (picture_ * call_.height + y) * body_words * call_.pitch + elansr::kMargin;
    float* out = row(y);
    for (Index c = 0; c < words_; ++c) {
      float* word = out + c * call_.pitch;
      std::memcpy(word, head + c * plane, sizeof(float) * call_.width);
      word[-1] = word[call_.width] = 0.0f;
    }
    for (Index c = 0; c < words_; c += Body::kPair, body += call_.pitch) {
      Body::add_arrays(body, call_.width, out + c * call_.pitch, out + (c + Body::kPair - 1) * call_.pitch);
    }
  }

  void convolve(Index y) const {
    Source sources[kTaps];
    for (int tap = 0; tap < kTaps; ++tap) {
      const Index from = y + tap / 3 - 1;
      if (inside(from)) {
        sources[tap] = {row(from) + tap % 3 - 1, call_.pitch, words_};
      } else {
        sources[tap] = {zeros_ + elansr::kMargin, 0, words_};
      }
    }
    float* out = outputs_;
    const Index pitch = call_.pitch;
    row_product<A>(sources, call_.layer, call_.width, Ahead(), [=](Index output, Index column, typename A::F* sum) {
      A::Simd::store(out + output * pitch + column, sum[0]);
    });
  }

  // Output (color, dy, dx) of pixel x is the sample at row y * scale + dy, column x * scale + dx.
  void shuffle(Index y) const {
    const Index scale = call_.scale, width = call_.width * scale, plane = call_.height * scale * width;
    const float* from = outputs_;
    for (Index color = 0; color < call_.colors; ++color) {
      for (Index dy = 0; dy < scale; ++dy, from += scale * call_.pitch) {
        float* to = call_.out + (picture_ * call_.colors + color) * plane + (y * scale + dy) * width;
        if (scale == 2) interleave<2>(from, to);
        else if (scale == 3) interleave<3>(from, to);
        else if (scale == 4) interleave<4>(from, to);
        else interleave(from, to, scale);
      }
    }
  }

  template <int kScale>
  void interleave(const float* from, float* to) const {
    interleave(from, to, kScale);
  }
  ELANSR_INLINE void interleave(const float* from, float* to, Index scale) const {
    for (Index x = 0; x < call_.width; ++x) {
      for (Index dx = 0; dx < scale; ++dx) to[x * scale + dx] = from[dx * call_.pitch + x];
    }
  }

  const elansr::TailCall& call_;
  const Index words_;
  Index picture_ = 0;
  float *zeros_, *ring_, *outputs_;
};

template <class A, class Body>
void row_tail(const elansr::TailCall& call, std::int64_t task, char* memory) {
  Arena arena(memory);
  RowTail<A, Body> tail(call, arena);
  const Index tasks = (call.height + call.rows - 1) / call.rows, top = task % tasks * call.rows;
  tail.run(task / tasks, top, top + call.rows < call.height ? top + call.rows : call.height);
}

template <class A, class Body>
std::size_t row_tail_bytes(const elansr::TailCall& call) {
  Arena arena(nullptr);
  const RowTail<A, Body> pieces(call, arena);
  return arena.used();
}

}  // namespace
