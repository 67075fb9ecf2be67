// The head and the tail, 3x3 convolutions around the body, in float32 whatever the type of the features between them.
#pragma once

#include "product.h"

namespace {

constexpr int kTaps = 9;

// A 3x3 convolution row by row: the rows that it reads stay in a ring until the last one that needs them is through.
template <class A>
class Convolution {
 public:
  Convolution(const elansr::Layer& layer, Index height, Index width, Index pitch, Arena& arena)
      : layer_(layer), height_(height), width_(width), pitch_(pitch) {
    zeros_ = arena.floats(pitch);
    ring_ = arena.floats(kRing * layer.inputs * pitch);
  }

  void start() { std::memset(zeros_, 0, sizeof(float) * pitch_); }
  bool inside(Index y) const { return y >= 0 && y < height_; }

  // Row y of what is read, to be filled; then nothing lies beside it.
  float* row(Index y) const { return ring_ + y % kRing * layer_.inputs * pitch_ + elansr::kMargin; }
  void close(Index y) const { close_row(row(y), layer_.inputs, pitch_, width_); }

  // Row y of the result; rows y - 1 to y + 1 have been filled, as far as they are inside.
  template <class Finish>
  ELANSR_INLINE void run(Index y, Finish finish) const {
    Source<float> sources[kTaps];
    for (int tap = 0; tap < kTaps; ++tap) sources[tap] = source(y, tap, 0, layer_.inputs);
    row_product<A>(sources, layer_, width_, Ahead<float>(), finish);
  }

  // The same with weights and sums in the order [channel][dy][dx], for at most kMostColors channels.
  template <class Finish>
  ELANSR_INLINE void run_by_color(Index y, Finish finish) const {
    Source<float> sources[elansr::kMostColors * kTaps] = {};
    for (int i = 0; i < layer_.inputs * kTaps; ++i) sources[i] = source(y, i % kTaps, i / kTaps, 1);
    row_product<A>(sources, layer_, width_, Ahead<float>(), finish);
  }

 private:
  // What one tap of row y reads of `count` channels.
  Source<float> source(Index y, int tap, Index channel, Index count) const {
    const Index from = y + tap / 3 - 1;
    if (!inside(from)) return {zeros_ + elansr::kMargin, 0, count};
    return {row(from) + channel * pitch_ + tap % 3 - 1, pitch_, count};
  }

  static constexpr Index kRing = 3;
  const elansr::Layer layer_;
  const Index height_, width_, pitch_;
  float *zeros_, *ring_;
};

// The head, a row at a time in ascending order.
template <class A>
class Head {
 public:
  template <class Call>
  Head(const Call& call, const elansr::Layer& layer, Arena& arena)
      : layer_(layer),
        by_color_(call.by_color != 0),
        plane_(call.height * call.width),
        width_(call.width),
        pitch_(call.pitch),
        no_bias_(arena.floats(round_up(layer.outputs, Tile<A>::kOutputs))),
        convolution_({layer.weights, no_bias_, layer.inputs, layer.outputs}, call.height, call.width, call.pitch,
                     arena) {}

  // Before the rows from `top` on of a picture, planes (colors, H, W).
  void start(const float* picture, Index top) {
    picture_ = picture;
    std::memset(no_bias_, 0, sizeof(float) * round_up(layer_.outputs, Tile<A>::kOutputs));
    convolution_.start();
    for (Index y = top - 1; y <= top; ++y) fill(y);
  }

  // Features of row y, which comes after the one before or after `start`: words [channel], `pitch` apart.
  void row(Index y, float* out) const {
    using S = typename A::Simd;
    fill(y + 1);
    const float* bias = layer_.bias;
    const Index pitch = pitch_;
    // The bias comes last, as in PyTorch: the sums then are the same.
    const auto finish = [=](Index output, Index column, typename A::F* sum) {
      S::store(out + output * pitch + column, S::add(sum[0], S::set(bias[output])));
    };
    if (by_color_) {
      convolution_.run_by_color(y, finish);
    } else {
      convolution_.run(y, finish);
    }
  }

 private:
  void fill(Index y) const {
    if (!convolution_.inside(y)) return;
    for (Index color = 0; color < layer_.inputs; ++color) {
      std::memcpy(convolution_.row(y) + color * pitch_, picture_ + color * plane_ + y * width_, sizeof(float) * width_);
    }
    convolution_.close(y);
  }

  const elansr::Layer layer_;
  const bool by_color_;
  const Index plane_, width_, pitch_;
  float* no_bias_;
  const float* picture_ = nullptr;
  Convolution<A> convolution_;
};

// Rows of features from the head; `Body` is the arithmetic of the features.
template <class A, class Body>
class HeadRows {
  using Word = typename Body::Word;

 public:
  HeadRows(const elansr::HeadCall& call, Arena& arena)
      : call_(call), head_(call, call.layer, arena), floats_(arena.floats(call.layer.outputs * call.pitch)) {}

  void run(Index picture, Index top, Index bottom) {
    const Index plane = call_.height * call_.width, words = call_.layer.outputs / Body::kPair, pitch = call_.pitch;
    head_.start(call_.picture + picture * call_.layer.inputs * plane, top);
    for (Index y = top; y < bottom; ++y) {
      head_.row(y, floats_);
      Word* out = static_cast<Word*>(call_.out) + (picture * call_.height + y) * words * pitch + elansr::kMargin;
      for (Index word = 0; word < words; ++word) {
        const float* low = floats_ + word * Body::kPair * pitch;
        Body::join_arrays(low, low + (Body::kPair - 1) * pitch, call_.width, out + word * pitch);
      }
      close_row(out, words, pitch, call_.width);
    }
  }

 private:
  const elansr::HeadCall& call_;
  Head<A> head_;
  float* floats_;
};

// Rows of the picture: head and body make the rows of the skip, which the last convolution reads.
template <class A, class Body>
class TailRows {
  using Word = typename Body::Word;

 public:
  TailRows(const elansr::TailCall& call, Arena& arena)
      : call_(call),
        head_(call, call.head, arena),
        tail_(call.tail, call.height, call.width, call.pitch, arena),
        outputs_(arena.floats(round_up(call.tail.outputs, Tile<A>::kOutputs) * call.pitch)) {}

  void run(Index picture, Index top, Index bottom) {
    const Index first = top > 0 ? top - 1 : 0;
    head_.start(call_.picture + picture * call_.head.inputs * call_.height * call_.width, first);
    tail_.start();
    for (Index y = first; y <= bottom; ++y) {
      if (tail_.inside(y)) skip(picture, y);
      if (y > top) convolve(y - 1), shuffle(picture, y - 1);
    }
  }

 private:
  void skip(Index picture, Index y) const {
    const Index channels = call_.head.outputs, words = channels / Body::kPair, pitch = call_.pitch;
    const Word* body =
        static_cast<const Word*>(call_.body) + (picture * call_.height + y) * words * pitch + elansr::kMargin;
    float* out = tail_.row(y);
    head_.row(y, out);
    for (Index c = 0; c < channels; c += Body::kPair, body += pitch) {
      Body::add_arrays(body, call_.width, out + c * pitch, out + (c + Body::kPair - 1) * pitch);
    }
    tail_.close(y);
  }

  void convolve(Index y) const {
    float* out = outputs_;
    const Index pitch = call_.pitch;
    tail_.run(y, [=](Index output, Index column, typename A::F* sum) {
      A::Simd::store(out + output * pitch + column, sum[0]);
    });
  }

  // Output (color, dy, dx) of pixel x is the sample at row y * scale + dy, column x * scale + dx.
  void shuffle(Index picture, Index y) const {
    const Index scale = call_.scale, width = call_.width * scale, plane = call_.height * scale * width;
    const Index colors = call_.head.inputs;
    const float* from = outputs_;
    for (Index color = 0; color < colors; ++color) {
      for (Index dy = 0; dy < scale; ++dy, from += scale * call_.pitch) {
        float* to = call_.out + (picture * colors + color) * plane + (y * scale + dy) * width;
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
  Head<A> head_;
  Convolution<A> tail_;
  float* outputs_;
};

template <class A, class Body>
void head_rows(const elansr::HeadCall& call, Index task, char* memory) {
  run_task<HeadRows<A, Body>>(call, task, memory);
}
template <class A, class Body>
std::size_t head_bytes(const elansr::HeadCall& call) {
  return task_bytes<HeadRows<A, Body>>(call);
}

template <class A, class Body>
void tail_rows(const elansr::TailCall& call, Index task, char* memory) {
  run_task<TailRows<A, Body>>(call, task, memory);
}
template <class A, class Body>
std::size_t tail_bytes(const elansr::TailCall& call) {
  return task_bytes<TailRows<A, Body>>(call);
}

}  // namespace
