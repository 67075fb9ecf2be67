// The inference kernels of one level, for its translation unit to name.
#pragma once

#include "attention.h"
#include "layers.h"
#include "outer.h"

namespace {

template <class Float32>
constexpr elansr::InferenceKernels inference_kernels() {
  return {{head_rows<Float32, Float32>, nullptr}, {head_bytes<Float32, Float32>, nullptr},
          {layer_rows<Float32>, nullptr},         {layer_bytes<Float32>, nullptr},
          {tail_rows<Float32, Float32>, nullptr}, {tail_bytes<Float32, Float32>, nullptr},
          {window_attention<Float32>, nullptr},   {window_attention_bytes<Float32>, nullptr},
          Region::count<elansr::WindowCall>,      Tile<Float32>::kOutputs};
}

template <class Float32, class Bfloat16>
constexpr elansr::InferenceKernels inference_kernels() {
  return {{head_rows<Float32, Float32>, head_rows<Float32, Bfloat16>},
          {head_bytes<Float32, Float32>, head_bytes<Float32, Bfloat16>},
          {layer_rows<Float32>, layer_rows<Bfloat16>},
          {layer_bytes<Float32>, layer_bytes<Bfloat16>},
          {tail_rows<Float32, Float32>, tail_rows<Float32, Bfloat16>},
          {tail_bytes<Float32, Float32>, tail_bytes<Float32, Bfloat16>},
          {window_attention<Float32>, window_attention<Bfloat16>},
          {window_attention_bytes<Float32>, window_attention_bytes<Bfloat16>},
          Region::count<elansr::WindowCall>,
          Tile<Float32>::kOutputs};
}

}  // namespace
