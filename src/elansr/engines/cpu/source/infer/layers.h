// Merging, local feature extraction and projection, a few rows of a picture at a time: what lies in between stays in
// the cache, and the rows at the edges of a task are computed twice.
#pragma once

#include "product.h"

namespace {

constexpr int kShiftGroups = 5;
constexpr int kRing = 3;  // rows of `hidden` that a row of the result depends on, and rows of `y` that hidden does

template <class A>
class LayerRows {
  using Word = typename A::Word;

 public:
  LayerRows(const elansr::LayersCall& call, Arena& arena)
      : call_(call), words_(call.channels / A::kPair), hidden_words_(call.expand.outputs / A::kPair) {
    zeros_ = arena.take<Word>(call.pitch);
    if (call.attended && call.expand.weights) merged_ = arena.take<Word>((kRing + 1) * words_ * call.pitch);
    if (call.expand.weights) hidden_ = arena.take<Word>(kRing * hidden_words_ * call.pitch);
  }

  void run(Index picture, Index top, Index bottom) {
    picture_ = picture;
    std::memset(zeros_, 0, sizeof(Word) * call_.pitch);
    if (!call_.expand.weights) {
      for (Index y = top; y < bottom; ++y) merge(y, row<Word>(call_.out, words_, y));
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

  // A row of the caller's features.
  template <class T, class Features>
  T* row(Features* base, Index words, Index y) const {
    return static_cast<T*>(base) + (picture_ * call_.height + y) * words * call_.pitch + elansr::kMargin;
  }
  Word* merged_row(Index y) const { return merged_ + y % (kRing + 1) * words_ * call_.pitch + elansr::kMargin; }
  Word* hidden_row(Index y) const { return hidden_ + y % kRing * hidden_words_ * call_.pitch + elansr::kMargin; }
  // The features before local feature extraction.
  const Word* y_row(Index y) const { return merged_ ? merged_row(y) : row<const Word>(call_.x, words_, y); }

  // Words of `here` and its neighbours as the shift sees them (ops.py).
  template <class RowOf>
  void shifted(RowOf row_of, Index y, Index words, Source<Word> (&out)[kShiftGroups]) const {
    const Word* here = row_of(y);
    const Word* below = inside(y + 1) ? row_of(y + 1) : nullptr;
    const Word* above = inside(y - 1) ? row_of(y - 1) : nullptr;
    const Word* rows[kShiftGroups] = {here + 1, here - 1, below, above, here};
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
  Ahead<Word> after(Index y, Index rows, const void* read, const void* other, const void* write) const {
    const Index words = y + rows < call_.height ? words_ * call_.pitch : 0;
    const Index at = (picture_ * call_.height + y + rows) * words_ * call_.pitch;
    Ahead<Word> ahead = {};
    if (read) ahead.read[0] = static_cast<const Word*>(read) + at, ahead.read_words[0] = words;
    if (other) ahead.read[1] = static_cast<const Word*>(other) + at, ahead.read_words[1] = words;
    if (write) ahead.write[0] = static_cast<const Word*>(write) + at, ahead.write_words[0] = words;
    return ahead;
  }

  // The projected row after row y.
  Ahead<Word> projected_after(Index y) const {
    Ahead<Word> ahead = {};
    const Index words = call_.project.outputs / A::kPair;
    if (y + 1 < call_.height) {
      ahead.write[0] =
          static_cast<const Word*>(call_.projected) + (picture_ * call_.height + y + 1) * words * call_.pitch;
      ahead.write_words[0] = words * call_.pitch;
    }
    return ahead;
  }

  // Writes the sum of the products and `residual`.
  template <int kSources>
  void add(const Source<Word> (&sources)[kSources], const elansr::Layer& layer, const Word* residual, Word* out,
           const Ahead<Word>& ahead) const {
    const Index pitch = call_.pitch;
    row_product<A>(sources, layer, call_.width, ahead, [=](Index word, Index column, F* sums) {
      const Index at = word * pitch + column;
      A::add_word(A::load(residual + at), sums);
      A::store(out + at, A::join(sums));
    });
    close_row(out, words_, call_.pitch, call_.width);
  }

  void merge(Index y, Word* out) const {
    const Source<Word> sources[1] = {{row<const Word>(call_.attended, words_, y), call_.pitch, words_}};
    const void* written = merged_ ? nullptr : call_.out;
    add(sources, call_.merge, row<const Word>(call_.x, words_, y), out, after(y, 1, call_.attended, call_.x, written));
  }

  void expand(Index y) const {
    Source<Word> sources[kShiftGroups];
    shifted([this](Index at) { return y_row(at); }, y, words_, sources);
    Word* out = hidden_row(y);
    const Index pitch = call_.pitch;
    row_product<A>(sources, call_.expand, call_.width, after(y, 2, merged_ ? nullptr : call_.x, nullptr, call_.out),
                   [=](Index word, Index column, F* sums) {
                     for (int k = 0; k < A::kPair; ++k) sums[k] = S::max(S::zero(), sums[k]);
                     A::store(out + word * pitch + column, A::join(sums));
                   });
    close_row(out, hidden_words_, call_.pitch, call_.width);
  }

  void reduce(Index y) const {
    Source<Word> sources[kShiftGroups];
    shifted([this](Index at) { return hidden_row(at); }, y, hidden_words_, sources);
    add(sources, call_.reduce, y_row(y), row<Word>(call_.out, words_, y), projected_after(y - 1));
  }

  void project(Index y) const {
    const Source<Word> sources[1] = {{row<const Word>(call_.out, words_, y), call_.pitch, words_}};
    Word* out = row<Word>(call_.projected, call_.project.outputs / A::kPair, y);
    const Index pitch = call_.pitch;
    row_product<A>(sources, call_.project, call_.width, Ahead<Word>(),
                   [=](Index word, Index column, F* sums) { A::store(out + word * pitch + column, A::join(sums)); });
  }

  const elansr::LayersCall& call_;
  const Index words_, hidden_words_;
  Index picture_ = 0;
  Word *zeros_ = nullptr, *merged_ = nullptr, *hidden_ = nullptr;
};

template <class A>
void layer_rows(const elansr::LayersCall& call, Index task, char* memory) {
  run_task<LayerRows<A>>(call, task, memory);
}
template <class A>
std::size_t layer_bytes(const elansr::LayersCall& call) {
  return task_bytes<LayerRows<A>>(call);
}

}  // namespace
