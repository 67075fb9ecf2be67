// exp by a polynomial, for any vector type that offers the handful of operations used here.
//
// Both forms take the argument apart into a whole power of two and a rest of one binary octave at most. The
// coefficients are minimax fits of the relative error.
#pragma once

#include "compiler.h"

namespace {

constexpr float kLog2E = 1.44269504088896341f;

// exp(x) for x <= 0, relative error below 2e-7 (the fit alone: 2e-9). The logarithm of 2 is subtracted in two parts:
// the first has so few bits that its multiples are exact. Below -110 the result is as good as zero anyway; the bound
// keeps the polynomial finite, and its order lets through what is not a number.
template <class S>
ELANSR_INLINE typename S::F exp_precise(typename S::F x) {
  x = S::max(S::set(-110.0f), x);
  const typename S::F n = S::round(S::mul(x, S::set(kLog2E)));
  typename S::F r = S::fma(n, S::set(-0.693359375f), x);
  r = S::fma(n, S::set(2.12194440e-4f), r);
  typename S::F p = S::set(1.3836845755577087e-3f);
  p = S::fma(p, r, S::set(8.374815806746483e-3f));
  p = S::fma(p, r, S::set(4.166822507977486e-2f));
  p = S::fma(p, r, S::set(1.6666419804096222e-1f));
  p = S::fma(p, r, S::set(4.9999991059303284e-1f));
  p = S::fma(p, r, S::set(1.0f));
  p = S::fma(p, r, S::set(1.0f));
  return S::scale(p, n);
}

// 2^x for x <= 0, relative error below 2e-7 (the fit alone: 2e-9). The bound is as in `exp_precise`.
template <class S>
ELANSR_INLINE typename S::F exp2_precise(typename S::F x) {
  x = S::max(S::set(-150.0f), x);
  const typename S::F n = S::round(x);
  const typename S::F r = S::sub(x, n);
  typename S::F p = S::set(1.5345811975770631e-4f);
  p = S::fma(p, r, S::set(1.3399931385065756e-3f));
  p = S::fma(p, r, S::set(9.618488958659853e-3f));
  p = S::fma(p, r, S::set(5.5503287765567316e-2f));
  p = S::fma(p, r, S::set(2.402264689060621e-1f));
  p = S::fma(p, r, S::set(6.931472057374544e-1f));
  p = S::fma(p, r, S::set(1.0f));
  return S::scale(p, n);
}

// 2^y for y <= 0, relative error 8e-5: a 25th of what rounding the result to bfloat16 adds.
template <class S>
ELANSR_INLINE typename S::F exp2_coarse(typename S::F y) {
  const typename S::F f = S::fraction(y);
  typename S::F p = S::set(7.802452147006989e-2f);
  p = S::fma(p, f, S::set(2.260671705007553e-1f));
  p = S::fma(p, f, S::set(6.958335041999817e-1f));
  p = S::fma(p, f, S::set(9.999251961708069e-1f));
  return S::scale(p, y);
}

}  // namespace
