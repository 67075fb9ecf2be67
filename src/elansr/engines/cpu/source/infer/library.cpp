// What inference calls. Results: 0 is done, 1 not enough memory, 2 too many groups.
#include "../common/export.h"
#include "../common/share_windows.h"
#include "../levels.h"

namespace elansr {
namespace {

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

// Shares out the rows of all pictures.
template <class Call>
int share_rows(const Call& given, void (*kernel)(const Call& call, std::int64_t task, char* scratch),
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

const InferenceKernels& kernels(std::int32_t level) { return kernels_of(level)->infer; }

}  // namespace
}  // namespace elansr

// Whether a level has kernels for features of a type.
ELANSR_EXPORT std::int32_t elansr_has_type(std::int32_t level, std::int32_t type) {
  return elansr::kernels(level).layers[type] != nullptr;
}

// Outputs of a tile in the packed layers of a level.
ELANSR_EXPORT std::int32_t elansr_tile_outputs(std::int32_t level) { return elansr::kernels(level).tile_outputs; }

ELANSR_EXPORT std::int32_t elansr_head(const elansr::HeadCall* call) {
  const elansr::InferenceKernels& kernels = elansr::kernels(call->level);
  return elansr::share_rows(*call, kernels.head[call->type], kernels.head_bytes[call->type]);
}

ELANSR_EXPORT std::int32_t elansr_layers(const elansr::LayersCall* call) {
  const elansr::InferenceKernels& kernels = elansr::kernels(call->level);
  return elansr::share_rows(*call, kernels.layers[call->type], kernels.layers_bytes[call->type]);
}

ELANSR_EXPORT std::int32_t elansr_windows(const elansr::WindowCall* call) {
  const elansr::InferenceKernels& kernels = elansr::kernels(call->level);
  return elansr::share_windows(*call, kernels.attention[call->type], kernels.attention_bytes[call->type],
                               kernels.windows);
}

ELANSR_EXPORT std::int32_t elansr_tail(const elansr::TailCall* call) {
  const elansr::InferenceKernels& kernels = elansr::kernels(call->level);
  return elansr::share_rows(*call, kernels.tail[call->type], kernels.tail_bytes[call->type]);
}
