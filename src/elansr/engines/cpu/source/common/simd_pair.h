// Two vectors taken as one: what is broadcast once then feeds two operations.
#pragma once

#include <cstdint>

#include "compiler.h"

namespace {

template <class S>
struct Paired {
  static constexpr int W = 2 * S::W;
  static constexpr int kDotTile = 4, kSumTile = 4;
  static constexpr int kTileOutputs = 6, kTileVectors = 1;
  using Quad = typename S::Quad;
  using H = typename S::F;
  struct F {
    H low, high;
  };

  static ELANSR_INLINE F zero() { return {S::zero(), S::zero()}; }
  static ELANSR_INLINE F set(float x) { return {S::set(x), S::set(x)}; }
  static ELANSR_INLINE F load(const float* p) { return {S::load(p), S::load(p + S::W)}; }
  static ELANSR_INLINE void store(float* p, F x) {
    S::store(p, x.low);
    S::store(p + S::W, x.high);
  }
  static ELANSR_INLINE F add(F a, F b) { return {S::add(a.low, b.low), S::add(a.high, b.high)}; }
  static ELANSR_INLINE F sub(F a, F b) { return {S::sub(a.low, b.low), S::sub(a.high, b.high)}; }
  static ELANSR_INLINE F mul(F a, F b) { return {S::mul(a.low, b.low), S::mul(a.high, b.high)}; }
  static ELANSR_INLINE F div(F a, F b) { return {S::div(a.low, b.low), S::div(a.high, b.high)}; }
  static ELANSR_INLINE F max(F a, F b) { return {S::max(a.low, b.low), S::max(a.high, b.high)}; }
  static ELANSR_INLINE F fma(F a, F b, F c) { return {S::fma(a.low, b.low, c.low), S::fma(a.high, b.high, c.high)}; }
  static ELANSR_INLINE F round(F x) { return {S::round(x.low), S::round(x.high)}; }
  static ELANSR_INLINE F scale(F x, F n) { return {S::scale(x.low, n.low), S::scale(x.high, n.high)}; }

  template <class Memory>
  static ELANSR_INLINE void load_columns(const char* const* rows, std::int64_t at, F columns[4]) {
    H low[4], high[4];
    S::template load_columns<Memory>(rows, at, low);
    S::template load_columns<Memory>(rows + S::W, at, high);
    ELANSR_UNROLL
    for (int k = 0; k < 4; ++k) columns[k] = {low[k], high[k]};
  }

  template <class Memory>
  static ELANSR_INLINE void store_columns(char* const* rows, std::int64_t at, F columns[4]) {
    H low[4], high[4];
    ELANSR_UNROLL
    for (int k = 0; k < 4; ++k) low[k] = columns[k].low, high[k] = columns[k].high;
    S::template store_columns<Memory>(rows, at, low);
    S::template store_columns<Memory>(rows + S::W, at, high);
  }
};

}  // namespace
