// Numbers in memory: how pictures of (N, H, W, C) are read and written, and the words that products are made of.
//
// A packed array is made of words of 32 bits: a float, or two bfloat16 that one instruction multiplies and adds. There
// are two layouts of the L pixels of a window:
//   columns: [word of the channels][pixel], from which logits are made (pairs run along the channels);
//   rows:    [pixel or pair of pixels][channel], which weighted sums add up (pairs run along the pixels).
#pragma once

#include <cstdint>
#include <cstring>
#include <type_traits>

#include "compiler.h"

namespace {

using Index = std::int64_t;

// A word of two bfloat16, which never is a number itself.
struct BfloatPair {
  std::uint16_t low, high;
};
static_assert(sizeof(BfloatPair) == sizeof(float), "a word has 32 bits");

template <class Quad>
struct Float32In {
  static constexpr Index kBytes = 4;
  static ELANSR_INLINE typename Quad::Q load4(const char* p) { return Quad::load_f32(p); }
  static ELANSR_INLINE void store4(char* p, typename Quad::Q x) { Quad::store_f32(p, x); }
  static ELANSR_INLINE float load1(const char* p) {
    float x;
    std::memcpy(&x, p, sizeof(x));
    return x;
  }
  static ELANSR_INLINE void store1(char* p, float x) { std::memcpy(p, &x, sizeof(x)); }
};

// Adds to the floats that are there already.
template <class Quad>
struct SumIn : Float32In<Quad> {
  using Float = Float32In<Quad>;
  static ELANSR_INLINE void store4(char* p, typename Quad::Q x) { Quad::store_f32(p, Quad::add(Quad::load_f32(p), x)); }
  static ELANSR_INLINE void store1(char* p, float x) { Float::store1(p, Float::load1(p) + x); }
};

template <class Quad>
struct Bfloat16In {
  static constexpr Index kBytes = 2;
  static ELANSR_INLINE typename Quad::Q load4(const char* p) { return Quad::load_bf16(p); }
  static ELANSR_INLINE void store4(char* p, typename Quad::Q x) { Quad::store_bf16(p, x); }
  static ELANSR_INLINE float load1(const char* p) {
    char four[8] = {};
    std::memcpy(four, p, kBytes);
    float x[4];
    Quad::store_f32(reinterpret_cast<char*>(x), Quad::load_bf16(four));
    return x[0];
  }
  static ELANSR_INLINE void store1(char* p, float x) {
    const float four_floats[4] = {x, x, x, x};
    char four[8];
    Quad::store_bf16(four, Quad::load_f32(reinterpret_cast<const char*>(four_floats)));
    std::memcpy(p, four, kBytes);
  }
};

// Pairs as they are: the four-word loads and stores leave the bits alone.
template <class Quad>
struct PairIn : Float32In<Quad> {
  static ELANSR_INLINE BfloatPair load1(const char* p) {
    BfloatPair x;
    std::memcpy(&x, p, sizeof(x));
    return x;
  }
  static ELANSR_INLINE void store1(char* p, BfloatPair x) { std::memcpy(p, &x, sizeof(x)); }
};

ELANSR_INLINE Index round_up(Index n, Index multiple) { return (n + multiple - 1) / multiple * multiple; }

// Hands out pieces of a thread's scratch memory, each on a cache line; with no memory behind it, only counts.
class Arena {
 public:
  explicit Arena(char* memory) : memory_(memory), used_(0) {}
  template <class T>
  T* take(Index count) {
    char* piece = memory_ ? memory_ + used_ : nullptr;
    used_ += round_up(count * static_cast<Index>(sizeof(T)), 64);
    return reinterpret_cast<T*>(piece);
  }
  float* floats(Index count) { return take<float>(count); }

  // Room for `count` words made from floats: the floats' own where a word is a float.
  template <class Word>
  Word* words_from(float* floats, Index count) {
    if constexpr (std::is_same_v<Word, float>) {
      return floats;
    } else {
      return take<Word>(count);
    }
  }
  std::size_t used() const { return static_cast<std::size_t>(used_); }

 private:
  char* memory_;
  Index used_;
};

// Where a chunk of four begins that covers `at`: the last chunk overlaps the one before, and nothing is read or
// written past the end.
ELANSR_INLINE Index chunk_start(Index at, Index size) { return at + 4 <= size ? at : size - 4; }

// Pixels to columns; zeros where `stride` holds more pixels than there are.
template <class S, class Memory, class Word>
void read_columns(const char* const* rows, Index pixels, Index words, Word* columns, Index stride) {
  Index i = 0;
  for (; i + S::W <= pixels && words >= 4; i += S::W) {
    for (Index c = 0; c < words; c += 4) {
      const Index start = chunk_start(c, words);
      typename S::F x[4];
      S::template load_columns<Memory>(rows + i, start * Memory::kBytes, x);
      for (int k = 0; k < 4; ++k) S::store(columns + (start + k) * stride + i, x[k]);
    }
  }
  for (Index c = 0; c < words; ++c) {
    for (Index k = i; k < pixels; ++k) columns[c * stride + k] = Memory::load1(rows[k] + c * Memory::kBytes);
    for (Index k = pixels; k < stride; ++k) columns[c * stride + k] = Word{};
  }
}

// Columns of one block of S::W pixels to the first `pixels` of them.
template <class S, class Memory, class Word>
void write_columns(const Word* columns, Index stride, char* const* rows, Index pixels, Index words) {
  if (pixels >= S::W && words >= 4) {
    for (Index c = 0; c < words; c += 4) {
      const Index start = chunk_start(c, words);
      typename S::F x[4];
      for (int k = 0; k < 4; ++k) x[k] = S::load(columns + (start + k) * stride);
      S::template store_columns<Memory>(rows, start * Memory::kBytes, x);
    }
    return;
  }
  for (Index k = 0; k < pixels && k < S::W; ++k) {
    for (Index c = 0; c < words; ++c) Memory::store1(rows[k] + c * Memory::kBytes, columns[c * stride + k]);
  }
}

// One pixel to a row of floats.
template <class Quad, class Memory>
ELANSR_INLINE void read_row(const char* pixel, Index channels, float* row) {
  if (channels < 4) {
    for (Index c = 0; c < channels; ++c) row[c] = Memory::load1(pixel + c * Memory::kBytes);
    return;
  }
  for (Index c = 0; c < channels; c += 4) {
    const Index start = chunk_start(c, channels);
    Quad::store_f32(reinterpret_cast<char*>(row + start), Memory::load4(pixel + start * Memory::kBytes));
  }
}

// A row of floats to one pixel.
template <class Quad, class Memory>
ELANSR_INLINE void write_row(const float* row, Index channels, char* pixel) {
  if (channels < 4) {
    for (Index c = 0; c < channels; ++c) Memory::store1(pixel + c * Memory::kBytes, row[c]);
    return;
  }
  for (Index c = 0; c < channels; c += 4) {
    const Index start = chunk_start(c, channels);
    Memory::store4(pixel + start * Memory::kBytes, Quad::load_f32(reinterpret_cast<const char*>(row + start)));
  }
}

}  // namespace
