// What the processor and the operating system support.
#pragma once

namespace elansr {

// In ascending order of speed; the names are in LEVELS of loader.py.
enum Level : int { kPortable = 0, kAvx2 = 1, kAvx512 = 2, kAvx512Bf16 = 3 };

// Whether this library holds the code of a level and this processor runs it.
bool supports(int level);

}  // namespace elansr
