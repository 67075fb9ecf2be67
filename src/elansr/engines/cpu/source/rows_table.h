// The row kernels of one level, for its translation unit to name, and the way of planes to rows.
#pragma once

#include "rows_attention.h"
#include "rows_layers.h"
#include "rows_tail.h"

namespace {

template <class A>
void from_plane_row(const float* planes, std::int64_t plane, std::int64_t channels, std::int64_t width, float* row,
                    std::int64_t pitch) {
  for (Index c = 0; c < channels; c += A::kPair, row += pitch) {
    A::join_arrays(planes + c * plane, planes + (c + A::kPair - 1) * plane, width, row);
    row[-1] = row[width] = 0.0f;
  }
}

template <class Float32>
constexpr elansr::RowKernels row_kernels() {
  return {{row_layers<Float32>, nullptr},
          {row_layers_bytes<Float32>, nullptr},
          {row_attention<Float32>, nullptr},
          {row_attention_bytes<Float32>, nullptr},
          Region::count<elansr::RowAttentionCall>,
          {pack_rows<Float32>, nullptr},
          {row_tail<Float32, Float32>, nullptr},
          {row_tail_bytes<Float32, Float32>, nullptr},
          {from_plane_row<Float32>, nullptr}};
}

template <class Float32, class Bfloat16>
constexpr elansr::RowKernels row_kernels() {
  return {{row_layers<Float32>, row_layers<Bfloat16>},
          {row_layers_bytes<Float32>, row_layers_bytes<Bfloat16>},
          {row_attention<Float32>, row_attention<Bfloat16>},
          {row_attention_bytes<Float32>, row_attention_bytes<Bfloat16>},
          Region::count<elansr::RowAttentionCall>,
          {pack_rows<Float32>, pack_rows<Bfloat16>},
          {row_tail<Float32, Float32>, row_tail<Float32, Bfloat16>},
          {row_tail_bytes<Float32, Float32>, row_tail_bytes<Float32, Bfloat16>},
          {from_plane_row<Float32>, from_plane_row<Bfloat16>}};
}

}  // namespace
