// The kernels of each level. Everything that a level compiles has internal linkage but for its table: an inline
// function shared with another unit could be linked from the one with the wrong instructions.
#pragma once

#include "infer/calls.h"
#include "train/calls.h"

namespace elansr {

struct LevelKernels {
  InferenceKernels infer;
  TrainingKernels train;
};

extern const LevelKernels kPortableKernels, kAvx2Kernels, kAvx512Kernels, kAvx512Bf16Kernels;

// The kernels of a level, or null where it was not built.
const LevelKernels* kernels_of(int level);

}  // namespace elansr
