// What training hands over, window attention and the shift over features (N, H, W, C), and what a level offers for it.
// The structures are mirrored field by field in bindings.py. Offsets and channels count elements, not bytes.
#pragma once

#include <cstddef>
#include <cstdint>

namespace elansr {

// softmax(q q^T) v in the windows of every channel group. The forward pass reads q and v and writes out; the backward
// pass reads out_gradient too and writes the gradients, which may be the same memory.
struct AttentionCall {
  const void *q, *v, *out_gradient;
  void *out, *q_gradient, *v_gradient;
  std::int64_t pictures, height, width;
  std::int64_t q_channels, v_channels, out_channels;
  std::int64_t depth;  // channels of a group, D
  const std::int64_t *windows, *q_offsets, *v_offsets;
  std::int32_t groups, shifted, type, level, threads;
  static constexpr bool closed = false;  // training's windows always go on at the opposite border
};

// The shift of shift-conv, or its gradient.
struct ShiftCall {
  const void* x;
  const void* mask;  // where given, a sample whose mask is not positive becomes 0: the gradient of the ReLU
  void* out;
  std::int64_t pictures, height, width, channels;
  std::int32_t way, relu, type, threads;
};

// One window of one channel group, computed from beginning to end by one thread.
using WindowKernel = void (*)(const AttentionCall& call, int group, std::int64_t window, char* scratch);

// What one instruction set offers; the arrays are indexed by Type.
struct TrainingKernels {
  WindowKernel forward[2], backward[2];
  std::size_t (*forward_bytes[2])(const AttentionCall& call);
  std::size_t (*backward_bytes[2])(const AttentionCall& call);
  std::int64_t (*windows)(const AttentionCall& call, int group);
};

}  // namespace elansr
