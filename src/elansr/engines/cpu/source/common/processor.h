// What the processor and the operating system support, and the numbers that Python knows types and levels by.
#pragma once

#include <cstdint>

namespace elansr {

// In ascending order of speed; the names are in LEVELS of bindings.py.
enum Level : std::int32_t { kPortable = 0, kAvx2 = 1, kAvx512 = 2, kAvx512Bf16 = 3 };

enum Type : std::int32_t { kFloat32 = 0, kBfloat16 = 1 };

// The fastest level that this processor runs, whether or not it was built.
int fastest_level();

}  // namespace elansr
