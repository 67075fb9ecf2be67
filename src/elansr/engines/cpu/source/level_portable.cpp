// Kernels for any processor.
#include "arithmetic.h"
#include "attention_table.h"
#include "rows_table.h"
#include "simd_pair.h"
#include "simd_portable.h"

using Float32 = Fp32Arithmetic<Paired<Portable>, Portable, Float32In>;
using Bfloat16 = Fp32Arithmetic<Paired<Portable>, Portable, Bfloat16In>;

const elansr::AttentionKernels elansr::kPortableAttention = kernels<Float32, Bfloat16>();
const elansr::RowKernels elansr::kPortableRows = row_kernels<Float32>();
