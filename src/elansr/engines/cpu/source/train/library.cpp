// What training calls. Results: 0 is done, 1 not enough memory, 2 too many groups.
#include "../common/export.h"
#include "../common/share_windows.h"
#include "../levels.h"

ELANSR_EXPORT std::int32_t elansr_attention_forward(const elansr::AttentionCall* call) {
  const elansr::TrainingKernels& kernels = elansr::kernels_of(call->level)->train;
  return elansr::share_windows(*call, kernels.forward[call->type], kernels.forward_bytes[call->type], kernels.windows);
}

ELANSR_EXPORT std::int32_t elansr_attention_backward(const elansr::AttentionCall* call) {
  const elansr::TrainingKernels& kernels = elansr::kernels_of(call->level)->train;
  return elansr::share_windows(*call, kernels.backward[call->type], kernels.backward_bytes[call->type],
                               kernels.windows);
}
