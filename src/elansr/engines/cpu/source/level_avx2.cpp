// Kernels for processors with AVX2 and FMA. Compiled with the flags for them: see setup.py.
#include "common/arithmetic.h"
#include "common/simd_avx2.h"
#include "common/simd_pair.h"
#include "infer/kernels.h"
#include "levels.h"
#include "train/kernels.h"

using Float32 = Fp32Arithmetic<Paired<Avx2>, Avx2, Float32In>;
using Bfloat16 = Fp32Arithmetic<Paired<Avx2>, Avx2, Bfloat16In>;

const elansr::LevelKernels elansr::kAvx2Kernels = {inference_kernels<Float32>(), training_kernels<Float32, Bfloat16>()};
