// The shift of shift-conv over (N, H, W, C), alone, after a ReLU, or as the gradient of either. Bound by memory: each
// pixel is read and written once, and the compiler's own vectors do.
#include <cstdint>
#include <cstring>

#include "../common/export.h"
#include "../common/processor.h"
#include "../common/threads.h"
#include "calls.h"

namespace elansr {
namespace {

constexpr int kGroups = 5;

// Both types are handled as bits, whose order is that of the numbers where the sign is clear: no branch, so that the
// compiler works on many channels at once.
template <class U, class S, U kInfinity>
struct Bits {
  using Word = U;
  static constexpr U kSign = U(U(1) << (8 * sizeof(U) - 1));
  static U rectified(U x) { return x & U(U(S(x) < 0 && U(x ^ kSign) <= kInfinity) - 1); }  // lets NaN through
  static U where_positive(U mask, U x) { return x & U(-U(S(mask) > 0)); }
};
using Float32 = Bits<std::uint32_t, std::int32_t, 0x7f800000>;
using Bfloat16 = Bits<std::uint16_t, std::int16_t, 0x7f80>;

// One channel group of a row: the pixels of `from` that have a source at column x + dx, zeros where there is none.
template <class T>
void shift_group(const ShiftCall& call, const typename T::Word* from, const typename T::Word* mask,
                 typename T::Word* to, std::int64_t size, int dx) {
  const std::int64_t width = call.width, channels = call.channels;
  for (std::int64_t x = 0; x < width; ++x, to += channels) {
    const std::int64_t source = x + dx;
    if (!from || source < 0 || source >= width) {
      std::memset(to, 0, size * sizeof(*to));
    } else if (mask) {
      const auto* pixel = from + source * channels;
      const auto* allowed = mask + x * channels;
      for (std::int64_t c = 0; c < size; ++c) to[c] = T::where_positive(allowed[c], pixel[c]);
    } else if (call.relu) {
      const auto* pixel = from + source * channels;
      for (std::int64_t c = 0; c < size; ++c) to[c] = T::rectified(pixel[c]);
    } else {
      std::memcpy(to, from + source * channels, size * sizeof(*to));
    }
  }
}

// One row of one picture: group 0 reads from the right, 1 from the left, 2 from below, 3 from above, 4 stays; with
// way -1 all from the opposite side.
template <class T>
void shift_row(const void* context, std::int64_t row, char*) {
  using Word = typename T::Word;
  const ShiftCall& call = *static_cast<const ShiftCall*>(context);
  const std::int64_t pitch = call.width * call.channels, group = call.channels / kGroups;
  const int dx[kGroups] = {call.way, -call.way, 0, 0, 0}, dy[kGroups] = {0, 0, call.way, -call.way, 0};
  for (int i = 0; i < kGroups; ++i) {
    const std::int64_t first = i * group, size = i == kGroups - 1 ? call.channels - first : group;
    const std::int64_t y = row % call.height + dy[i];
    const bool inside = y >= 0 && y < call.height;
    const Word* from = inside ? static_cast<const Word*>(call.x) + (row + dy[i]) * pitch + first : nullptr;
    const Word* mask = call.mask ? static_cast<const Word*>(call.mask) + row * pitch + first : nullptr;
    shift_group<T>(call, from, mask, static_cast<Word*>(call.out) + row * pitch + first, size, dx[i]);
  }
}

}  // namespace
}  // namespace elansr

ELANSR_EXPORT std::int32_t elansr_shift(const elansr::ShiftCall* call) {
  const elansr::Task task =
      call->type == elansr::kBfloat16 ? elansr::shift_row<elansr::Bfloat16> : elansr::shift_row<elansr::Float32>;
  elansr::share_out(call->threads, call->pictures * call->height, 0, task, call);
  return 0;
}
