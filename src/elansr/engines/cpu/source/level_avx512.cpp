// Kernels for processors with AVX-512 (F, BW, DQ, VL). Compiled with the flags for them: see setup.py.
#include "arithmetic.h"
#include "attention_table.h"
#include "rows_table.h"
#include "simd_avx512.h"

using Float32 = Fp32Arithmetic<Avx512, Avx512Narrow, Float32In>;
using Bfloat16 = Fp32Arithmetic<Avx512, Avx512Narrow, Bfloat16In>;

const elansr::AttentionKernels elansr::kAvx512Attention = kernels<Float32, Bfloat16>();
const elansr::RowKernels elansr::kAvx512Rows = row_kernels<Float32>();
