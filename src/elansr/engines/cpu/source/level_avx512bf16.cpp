// Kernels for processors with AVX-512 that multiply bfloat16. Compiled with the flags for them: see setup.py.
#include "common/arithmetic_bf16.h"
#include "infer/kernels.h"
#include "levels.h"
#include "train/kernels.h"

using Float32 = Fp32Arithmetic<Avx512, Avx512Narrow, Float32In>;

const elansr::LevelKernels elansr::kAvx512Bf16Kernels = {inference_kernels<Float32, Bf16Arithmetic>(),
                                                         training_kernels<Float32, Bf16Arithmetic>()};
