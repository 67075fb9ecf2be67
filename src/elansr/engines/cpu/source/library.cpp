// The functions that Python calls.
#include <new>

#include "attention.h"
#include "export.h"
#include "processor.h"
#include "rows.h"
#include "threads.h"

namespace elansr {
namespace {

// Windows of so many pixels altogether make one task, so that handing out tasks costs nothing beside them.
constexpr std::int64_t kTaskPixels = 256;
constexpr int kMaxGroups = 64;

struct Kernels {
  const AttentionKernels& attention;
  const RowKernels& rows;
};

Kernels kernels_of(int level) {
  switch (level) {
#ifdef ELANSR_HAS_AVX2
    case kAvx2:
      return {kAvx2Attention, kAvx2Rows};
#endif
#ifdef ELANSR_HAS_AVX512
    case kAvx512:
      return {kAvx512Attention, kAvx512Rows};
#endif
#ifdef ELANSR_HAS_AVX512BF16
    case kAvx512Bf16:
      return {kAvx512Bf16Attention, kAvx512Bf16Rows};
#endif
    default:
      return {kPortableAttention, kPortableRows};
  }
}

// The windows of all groups as tasks, those of the last group first: in ELAN it has the largest windows, and what is
// large should not come last where threads wait for each other.
template <class Call>
struct WindowTasks {
  using Kernel = void (*)(const Call& call, int group, std::int64_t window, char* scratch);
  const Call* call;
  Kernel kernel;
  std::int64_t windows[kMaxGroups], batch[kMaxGroups], tasks[kMaxGroups], total = 0;

  WindowTasks(const Call& c, Kernel k, std::int64_t (*count)(const Call& call, int group)) : call(&c), kernel(k) {
    for (int group = 0; group < c.groups; ++group) {
      const std::int64_t pixels = c.windows[group] * c.windows[group];
      windows[group] = count(c, group);
      batch[group] = pixels < kTaskPixels ? kTaskPixels / pixels : 1;
      tasks[group] = (windows[group] + batch[group] - 1) / batch[group];
      total += tasks[group];
    }
  }

  static void run(const void* context, std::int64_t number, char* scratch) {
    const WindowTasks& self = *static_cast<const WindowTasks*>(context);
    int group = self.call->groups - 1;
    for (; number >= self.tasks[group]; --group) number -= self.tasks[group];
    const std::int64_t first = number * self.batch[group], end = first + self.batch[group];
    for (std::int64_t window = first; window < end && window < self.windows[group]; ++window) {
      self.kernel(*self.call, group, window, scratch);
    }
  }
};

// Rows of one task: the fewer, the better they spread over the threads; the more, the fewer are computed twice.
constexpr std::int64_t kFewestRows = 8, kMostRows = 32, kTasksAThread = 3;

template <class Call>
std::int64_t rows_of_a_task(const Call& call) {
  const std::int64_t tasks = call.threads > 1 ? call.threads * kTasksAThread : 1;
  const std::int64_t wanted = (call.pictures * call.height + tasks - 1) / tasks;
  const std::int64_t rows = wanted < kFewestRows ? kFewestRows : wanted > kMostRows ? kMostRows : wanted;
  const std::int64_t strips = (call.height + rows - 1) / rows;
  return (call.height + strips - 1) / strips;
}

template <class Call>
struct RowTask {
  const Call* call;
  void (*kernel)(const Call& call, std::int64_t task, char* scratch);

  static void run(const void* context, std::int64_t number, char* scratch) {
    const RowTask& self = *static_cast<const RowTask*>(context);
    self.kernel(*self.call, number, scratch);
  }
};

// Shares out the rows of all pictures; 1: not enough memory.
template <class Call>
int run_rows(const Call& given, void (*kernel)(const Call& call, std::int64_t task, char* scratch),
             std::size_t (*bytes)(const Call& call)) {
  Call call = given;
  call.rows = rows_of_a_task(call);
  const RowTask<Call> task = {&call, kernel};
  try {
    share_out(call.threads, call.pictures * ((call.height + call.rows - 1) / call.rows), bytes(call),
              RowTask<Call>::run, &task);
  } catch (const std::bad_alloc&) {
    return 1;
  }
  return 0;
}

// Planes (N, C, H, W) to rows.
struct PlaneTask {
  const RowKernels* kernels;
  const float* from;
  float* to;
  std::int64_t channels, height, width, pitch;
  std::int32_t type;

  static void run(const void* context, std::int64_t number, char*) {
    const PlaneTask& t = *static_cast<const PlaneTask*>(context);
    const std::int64_t plane = t.height * t.width, words = t.channels / (t.type == kBfloat16 ? 2 : 1);
    const std::int64_t picture = number / t.height, y = number % t.height;
    const float* planes = t.from + picture * t.channels * plane + y * t.width;
    t.kernels->from_plane_row[t.type](planes, plane, t.channels, t.width, t.to + number * words * t.pitch + kMargin,
                                      t.pitch);
  }
};

}  // namespace
}  // namespace elansr

// Grows with every change of what follows, so that Python does not call a library of another version.
ELANSR_EXPORT int elansr_abi() { return 4; }

ELANSR_EXPORT int elansr_supports(int level) { return elansr::supports(level); }

// Forward where `call.out` is given, backward where not. 0: done; 1: not enough memory; 2: too many groups.
ELANSR_EXPORT int elansr_attention(const elansr::AttentionCall* call) {
  if (call->groups > elansr::kMaxGroups) return 2;
  const elansr::AttentionKernels& kernels = elansr::kernels_of(call->level).attention;
  try {
    const std::size_t bytes = kernels.scratch_bytes[call->type](*call);
    using Tasks = elansr::WindowTasks<elansr::AttentionCall>;
    const Tasks tasks(*call, (call->out ? kernels.forward : kernels.backward)[call->type], kernels.windows);
    elansr::share_out(call->threads, tasks.total, bytes, Tasks::run, &tasks);
  } catch (const std::bad_alloc&) {
    return 1;
  }
  return 0;
}

// Whether a level has row kernels for a type.
ELANSR_EXPORT int elansr_rows_support(int level, int type) {
  return elansr::kernels_of(level).rows.layers[type] != nullptr;
}

// Packs the weights of a layer; without `packed`, says how many floats that takes.
ELANSR_EXPORT std::int64_t elansr_rows_pack(int level, int type, std::int64_t outputs, std::int64_t inputs,
                                            const float* weights, float* packed) {
  return elansr::kernels_of(level).rows.pack[type](outputs, inputs, weights, packed);
}

// 0: done; 1: not enough memory.
ELANSR_EXPORT int elansr_rows_layers(const elansr::LayersCall* call) {
  const elansr::RowKernels& kernels = elansr::kernels_of(call->level).rows;
  return elansr::run_rows(*call, kernels.layers[call->type], kernels.layers_bytes[call->type]);
}

// 0: done; 1: not enough memory.
ELANSR_EXPORT int elansr_rows_tail(const elansr::TailCall* call) {
  const elansr::RowKernels& kernels = elansr::kernels_of(call->level).rows;
  return elansr::run_rows(*call, kernels.tail[call->type], kernels.tail_bytes[call->type]);
}

// 0: done; 1: not enough memory; 2: too many groups.
ELANSR_EXPORT int elansr_rows_attention(const elansr::RowAttentionCall* call) {
  if (call->groups > elansr::kMaxGroups) return 2;
  const elansr::RowKernels& kernels = elansr::kernels_of(call->level).rows;
  try {
    using Tasks = elansr::WindowTasks<elansr::RowAttentionCall>;
    const Tasks tasks(*call, kernels.attention[call->type], kernels.windows);
    elansr::share_out(call->threads, tasks.total, kernels.attention_bytes[call->type](*call), Tasks::run, &tasks);
  } catch (const std::bad_alloc&) {
    return 1;
  }
  return 0;
}

// Planes, float32 (pictures, channels, height, width), to rows.
ELANSR_EXPORT void elansr_rows_from_planes(int level, int type, int threads, const float* from, float* to,
                                           std::int64_t pictures, std::int64_t channels, std::int64_t height,
                                           std::int64_t width, std::int64_t pitch) {
  const elansr::PlaneTask task = {&elansr::kernels_of(level).rows, from, to, channels, height, width, pitch, type};
  elansr::share_out(threads, pictures * height, 0, elansr::PlaneTask::run, &task);
}
