// Merging, local feature extraction and projection, a few rows of a picture at a time: what lies in between stays in the
// cache, and the rows at the edges of a task are computed twice.
#pragma once

#include "rows_product.h"
#include "window.h"

namespace {

constexpr int kShiftGroups = 5;
constexpr int kRing = 3;  // rows of `hidden` that a row of the result depends on, and rows of `y` that hidden does

template <class A>
class RowLayers {
 public:
  RowLayers(const elansr::LayersCall& call, Arena& arena)
      : call_(call), words_(call.channels / A::kPair), hidden_words_(call.expand.outputs / A::kPair) {
    zeros_ = arena.floats(call.pitch);
    if (call.attended && call.expand.weights) merged_ = arena.floats((kRing + 1) * words_ * call.pitch);
    if (call.expand.weights) hidden_ = arena.floats(kRing * hidden_words_ * call.pitch);
  }

  void run(Index picture, Index top, Index bottom) {
    picture_ = picture;
    std::memset(zeros_, 0, sizeof(float) * call_.pitch);
    if (!call_.expand.weights) {
      for (Index y = top; y < bottom; ++y) merge(y, row(call_.out, words_, y));
      return;
    }
    for (Index y = top - 2; y < bottom + 2; ++y) {
      if (merged_ && inside(y)) merge(y, merged_row(y));
      if (y >= top && inside(y - 1)) expand(y - 1);
      if (y >= top + 2) reduce(y - 2), project(y - 2);
    }
  }

 private:
  using S = typename A::Simd;
  using F = typename A::F;

  bool inside(Index y) const { return y >= 0 && y < call_.height; }

  template <class T>
  T* row(T* base, Index words, Index y) const {
    return base + (picture_ * call_.height + y) * words * call_.pitch + elansr::kMargin;
  }
  float* merged_row(Index y) const { return merged_ + y % (kRing + 1) * words_ * call_.pitch + elansr::kMargin; }
  float* hidden_row(Index y) const { return hidden_ + y % kRing * hidden_words_ * call_.pitch + elansr::kMargin; }
  // The features before local feature extraction.
  const float* y_row(Index y) const { return merged_ ? merged_row(y) : row(call_.x, words_, y); }

  // Nothing lies beyond the border.
  void close(float* out, Index words) const {
    for (Index word = 0; word < words; ++word) out[word * call_.pitch - 1] = out[word * call_.pitch + call_.width] = 0.0f;
  }

  // Words of `here` and its neighbours as the shift sees them (ops.py).
  template <class RowOf>
  void shifted(RowOf row_of, Index y, Index words, Source (&out)[kShiftGroups]) const {
    const float* here = row_of(y);
    const float* below = inside(y + 1) ? row_of(y + 1) : nullptr;
    const float* above = inside(y - 1) ? row_of(y - 1) : nullptr;
    const float* rows[kShiftGroups] = {here + 1, here - 1, below, above, here};
    const Index size = words / kShiftGroups;
    for (int group = 0; group < kShiftGroups; ++group) {
      const Index first = group * size, count = group == kShiftGroups - 1 ? words - first : size;
      if (rows[group]) {
        out[group] = {rows[group] + first * call_.pitch, call_.pitch, count};
      } else {
        out[group] = {zeros_ + elansr::kMargin, 0, count};
      }
    }
  }

  // Rows of the caller's memory that come after row y.
  Ahead after(Index y, Index rows, const float* read, const float* other, const float* write) const {
    const Index floats = y + rows < call_.height ? words_ * call_.pitch : 0;
    const Index at = (picture_ * call_.height + y + rows) * words_ * call_.pitch;
    Ahead ahead = {};
    if (read) ahead.read[0] = read + at, ahead.read_floats[0] = floats;
    if (other) ahead.read[1] = other + at, ahead.read_floats[1] = floats;
    if (write) ahead.write[0] = write + at, ahead.write_floats[0] = floats;
    return ahead;
  }

  // The projected row after row y.
  Ahead projected_after(Index y) const {
    Ahead ahead = {};
    const Index words = call_.project.outputs / A::kPair;
    if (y + 1 < call_.height) {
      ahead.write[0] = call_.projected + (picture_ * call_.height + y + 1) * words * call_.pitch;
      ahead.write_floats[0] = words * call_.pitch;
    }
    return ahead;
  }

  // Writes the sum of the products and `residual`.
  template <int kSources>
  void add(const Source (&sources)[kSources], const elansr::Layer& layer, const float* residual, float* out,
           const Ahead& ahead) const {
    const Index pitch = call_.pitch;
    row_product<A>(sources, layer, call_.width, ahead, [=](Index word, Index column, F* sums) {
      const Index at = word * pitch + column;
      A::add_word(S::load(residual + at), sums);
      S::store(out + at, A::join(sums));
    });
    close(out, words_);
  }

  void merge(Index y, float* out) const {
    const Source sources[1] = {{row(call_.attended, words_, y), call_.pitch, words_}};
    const float* written = merged_ ? nullptr : call_.out;
    add(sources, call_.merge, row(call_.x, words_, y), out, after(y, 1, call_.attended, call_.x, written));
  }

  void expand(Index y) const {
    Source sources[kShiftGroups];
    shifted([this](Index at) { return y_row(at); }, y, words_, sources);
    float* out = hidden_row(y);
    const Index pitch = call_.pitch;
    row_product<A>(sources, call_.expand, call_.width, after(y, 2, merged_ ? nullptr : call_.x, nullptr, call_.out), [=](Index word, Index column, F* sums) {
      for (int k = 0; k < A::kPair; ++k) sums[k] = S::max(S::zero(), sums[k]);
      S::store(out + word * pitch + column, A::join(sums));
    });
    close(out, hidden_words_);
  }

  void reduce(Index y) const {
    Source sources[kShiftGroups];
    shifted([this](Index at) { return hidden_row(at); }, y, hidden_words_, sources);
    add(sources, call_.reduce, y_row(y), row(call_.out, words_, y), projected_after(y - 1));
  }

  void project(Index y) const {
    const Source sources[1] = {{row(call_.out, words_, y), call_.pitch, words_}};
    float* out = row(call_.projected, call_.project.outputs / A::kPair, y);
    const Index pitch = call_.pitch;
    row_product<A>(sources, call_.project, call_.width, Ahead(), [=](Index word, Index column, F* sums) {
      S::store(out + word * pitch + column, A::join(sums));
    });
  }

  const elansr::LayersCall& call_;
  const Index words_, hidden_words_;
  Index picture_ = 0;
  float *zeros_ = nullptr, *merged_ = nullptr, *hidden_ = nullptr;
};

template <class A>
void row_layers(const elansr::LayersCall& call, Index task, char* memory) {
  Arena arena(memory);
  RowLayers<A> layers(call, arena);
  const Index tasks = (call.height + call.rows - 1) / call.rows, top = task % tasks * call.rows;
  layers.run(task / tasks, top, top + call.rows < call.height ? top + call.rows : call.height);
}

template <class A>
std::size_t row_layers_bytes(const elansr::LayersCall& call) {
  Arena arena(nullptr);
  const RowLayers<A> pieces(call, arena);
  return arena.used();
}

}  // namespace
