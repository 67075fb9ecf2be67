// Kernels for processors with AVX2 and FMA. Compiled with the flags for them: see setup.py.
#include "arithmetic.h"
#include "attention_table.h"
#include "rows_table.h"
#include "simd_avx2.h"
#include "simd_pair.h"

using Float32 = Fp32Arithmetic<Paired<Avx2>, Avx2, Float32In>;
using Bfloat16 = Fp32Arithmetic<Paired<Avx2>, Avx2, Bfloat16In>;

const elansr::AttentionKernels elansr::kAvx2Attention = kernels<Float32, Bfloat16>();
const elansr::RowKernels elansr::kAvx2Rows = row_kernels<Float32>();
