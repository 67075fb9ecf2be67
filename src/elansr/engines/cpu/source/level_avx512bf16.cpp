// Kernels for processors with AVX-512 that multiply bfloat16. Compiled with the flags for them: see setup.py.
#include "arithmetic_bf16.h"
#include "attention_table.h"
#include "rows_table.h"

using Float32 = Fp32Arithmetic<Avx512, Avx512Narrow, Float32In>;

const elansr::AttentionKernels elansr::kAvx512Bf16Attention = kernels<Float32, Bf16Arithmetic>();
const elansr::RowKernels elansr::kAvx512Bf16Rows = row_kernels<Float32, Bf16Arithmetic>();
