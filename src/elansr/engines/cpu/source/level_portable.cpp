// Kernels for any processor.
#include "common/arithmetic.h"
#include "common/simd_pair.h"
#include "common/simd_portable.h"
#include "infer/kernels.h"
#include "levels.h"
#include "train/kernels.h"

using Float32 = Fp32Arithmetic<Paired<Portable>, Portable, Float32In>;
using Bfloat16 = Fp32Arithmetic<Paired<Portable>, Portable, Bfloat16In>;

const elansr::LevelKernels elansr::kPortableKernels = {inference_kernels<Float32>(),
                                                       training_kernels<Float32, Bfloat16>()};
