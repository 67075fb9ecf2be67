// The kernels of one level, for its translation unit to name. Everything a level compiles has internal linkage: an
// inline function shared with another unit could be linked from the one with the wrong instructions.
#pragma once

#include "attention_backward.h"
#include "attention_forward.h"

namespace {

template <class A>
std::size_t scratch_bytes(const elansr::AttentionCall& call) {
  std::size_t most = 0;
  for (int group = 0; group < call.groups; ++group) {
    const Sizes size(call.windows[group] * call.windows[group], call.depth, A::kPair);
    Arena forward(nullptr), backward(nullptr);
    if (call.out) ForwardScratch<A> pieces(forward, size);
    if (!call.out) BackwardScratch<A> pieces(backward, size);
    const std::size_t used = forward.used() + backward.used();
    most = used > most ? used : most;
  }
  return most;
}

template <class Float32, class Bfloat16>
constexpr elansr::AttentionKernels kernels() {
  return {{attention_forward<Float32>, attention_forward<Bfloat16>},
          {attention_backward<Float32>, attention_backward<Bfloat16>},
          Region::count<elansr::AttentionCall>,
          {scratch_bytes<Float32>, scratch_bytes<Bfloat16>}};
}

}  // namespace
