// Kernels for processors with AVX-512 (F, BW, DQ, VL). Compiled with the flags for them: see setup.py.
#include "common/arithmetic.h"
#include "common/simd_avx512.h"
#include "infer/kernels.h"
#include "levels.h"
#include "train/kernels.h"

using Float32 = Fp32Arithmetic<Avx512, Avx512Narrow, Float32In>;
using Bfloat16 = Fp32Arithmetic<Avx512, Avx512Narrow, Bfloat16In>;

const elansr::LevelKernels elansr::kAvx512Kernels = {inference_kernels<Float32>(),
                                                     training_kernels<Float32, Bfloat16>()};
