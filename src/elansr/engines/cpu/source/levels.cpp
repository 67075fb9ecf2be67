#include "levels.h"

#include "common/export.h"
#include "common/processor.h"

namespace elansr {

const LevelKernels* kernels_of(int level) {
  switch (level) {
    case kPortable:
      return &kPortableKernels;
#ifdef ELANSR_HAS_AVX2
    case kAvx2:
      return &kAvx2Kernels;
#endif
#ifdef ELANSR_HAS_AVX512
    case kAvx512:
      return &kAvx512Kernels;
#endif
#ifdef ELANSR_HAS_AVX512BF16
    case kAvx512Bf16:
      return &kAvx512Bf16Kernels;
#endif
    default:
      return nullptr;
  }
}

}  // namespace elansr

// Grows with every change of what Python calls, so that it does not call a library of another version.
ELANSR_EXPORT std::int32_t elansr_version() { return 5; }

// Whether this library holds the code of a level and this processor runs it.
ELANSR_EXPORT std::int32_t elansr_supports(std::int32_t level) {
  return level <= elansr::fastest_level() && elansr::kernels_of(level) != nullptr;
}

// The size in bytes of what Python hands over, by its number in STRUCTURES of bindings.py.
ELANSR_EXPORT std::int64_t elansr_size_of(std::int32_t structure) {
  using namespace elansr;
  constexpr std::int64_t kSizes[] = {sizeof(Layer),    sizeof(HeadCall),      sizeof(LayersCall), sizeof(WindowCall),
                                     sizeof(TailCall), sizeof(AttentionCall), sizeof(ShiftCall)};
  constexpr std::int32_t kCount = sizeof(kSizes) / sizeof(kSizes[0]);
  return structure >= 0 && structure < kCount ? kSizes[structure] : -1;
}
