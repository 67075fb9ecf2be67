// The functions that Python calls.
#include <new>

#include "attention.h"
#include "export.h"
#include "processor.h"
#include "threads.h"

namespace elansr {
namespace {

// Windows of so many pixels altogether make one task, so that handing out tasks costs nothing beside them.
constexpr std::int64_t kTaskPixels = 256;
constexpr int kMaxGroups = 64;

const AttentionKernels& attention_kernels(int level) {
  switch (level) {
#ifdef ELANSR_HAS_AVX2
    case kAvx2:
      return kAvx2Attention;
#endif
#ifdef ELANSR_HAS_AVX512
    case kAvx512:
      return kAvx512Attention;
#endif
#ifdef ELANSR_HAS_AVX512BF16
    case kAvx512Bf16:
      return kAvx512Bf16Attention;
#endif
    default:
      return kPortableAttention;
  }
}

// The windows of all groups as tasks, those of the last group first: in ELAN it has the largest windows, and what is
// large should not come last where threads wait for each other.
struct AttentionTasks {
  const AttentionCall* call;
  WindowKernel kernel;
  std::int64_t windows[kMaxGroups], batch[kMaxGroups], tasks[kMaxGroups], total = 0;

  AttentionTasks(const AttentionCall& c, WindowKernel k) : call(&c), kernel(k) {
    for (int group = 0; group < c.groups; ++group) {
      const std::int64_t pixels = c.windows[group] * c.windows[group];
      windows[group] = c.pictures * (c.height * c.width / pixels);
      batch[group] = pixels < kTaskPixels ? kTaskPixels / pixels : 1;
      tasks[group] = (windows[group] + batch[group] - 1) / batch[group];
      total += tasks[group];
    }
  }

  static void run(const void* context, std::int64_t number, char* scratch) {
    const AttentionTasks& self = *static_cast<const AttentionTasks*>(context);
    int group = self.call->groups - 1;
    for (; number >= self.tasks[group]; --group) number -= self.tasks[group];
    const std::int64_t first = number * self.batch[group], end = first + self.batch[group];
    for (std::int64_t window = first; window < end && window < self.windows[group]; ++window) {
      self.kernel(*self.call, group, window, scratch);
    }
  }
};

}  // namespace
}  // namespace elansr

// Grows with every change of what follows, so that Python does not call a library of another version.
ELANSR_EXPORT int elansr_abi() { return 1; }

ELANSR_EXPORT int elansr_supports(int level) { return elansr::supports(level); }

// Forward where `call.out` is given, backward where not. 0: done; 1: not enough memory; 2: too many groups.
ELANSR_EXPORT int elansr_attention(const elansr::AttentionCall* call) {
  if (call->groups > elansr::kMaxGroups) return 2;
  const elansr::AttentionKernels& kernels = elansr::attention_kernels(call->level);
  try {
    const std::size_t bytes = kernels.scratch_bytes[call->type](*call);
    const elansr::AttentionTasks tasks(*call, (call->out ? kernels.forward : kernels.backward)[call->type]);
    elansr::share_out(call->threads, tasks.total, bytes, elansr::AttentionTasks::run, &tasks);
  } catch (const std::bad_alloc&) {
    return 1;
  }
  return 0;
}
