// The training kernels of one level, for its translation unit to name.
#pragma once

#include "backward.h"
#include "forward.h"

namespace {

template <class Scratch, int kPair>
std::size_t scratch_bytes(const elansr::AttentionCall& call) {
  std::size_t most = 0;
  for (int group = 0; group < call.groups; ++group) {
    Arena arena(nullptr);
    const Scratch pieces(arena, Sizes(call.windows[group] * call.windows[group], call.depth, kPair));
    most = arena.used() > most ? arena.used() : most;
  }
  return most;
}

template <class Float32, class Bfloat16>
constexpr elansr::TrainingKernels training_kernels() {
  return {{attention_forward<Float32>, attention_forward<Bfloat16>},
          {attention_backward<Float32>, attention_backward<Bfloat16>},
          {scratch_bytes<ForwardScratch<Float32>, Float32::kPair>,
           scratch_bytes<ForwardScratch<Bfloat16>, Bfloat16::kPair>},
          {scratch_bytes<BackwardScratch<Float32>, Float32::kPair>,
           scratch_bytes<BackwardScratch<Bfloat16>, Bfloat16::kPair>},
          Region::count<elansr::AttentionCall>};
}

}  // namespace
