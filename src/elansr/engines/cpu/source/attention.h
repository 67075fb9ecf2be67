// Window attention, softmax(q q^T) v, over pictures of (N, H, W, C): what a caller hands over and what a level offers.
#pragma once

#include <cstddef>
#include <cstdint>

namespace elansr {

enum Type : std::int32_t { kFloat32 = 0, kBfloat16 = 1 };

// Mirrored field by field by `_Call` in attention.py. Offsets and channels count elements, not bytes.
struct AttentionCall {
  const void* q;
  const void* v;
  const void* out_gradient;  // read by the backward pass only
  void* out;                 // written by the forward pass only
  void* q_gradient;          // written by the backward pass only; may be the same memory as v_gradient
  void* v_gradient;
  std::int64_t pictures, height, width;
  std::int64_t q_channels, v_channels, out_channels;
  std::int64_t depth;  // channels of a group, D
  const std::int64_t* windows;
  const std::int64_t* q_offsets;
  const std::int64_t* v_offsets;
  std::int32_t groups, shifted, closed, type, level, threads;
};

// One window of one channel group, computed from beginning to end by one thread.
using WindowKernel = void (*)(const AttentionCall& call, int group, std::int64_t window, char* scratch);

// What one instruction set offers; the arrays are indexed by Type.
struct AttentionKernels {
  WindowKernel forward[2], backward[2];
  std::int64_t (*windows)(const AttentionCall& call, int group);
  std::size_t (*scratch_bytes[2])(const AttentionCall& call);
};

extern const AttentionKernels kPortableAttention, kAvx2Attention, kAvx512Attention, kAvx512Bf16Attention;

}  // namespace elansr
