// A small pool of threads that share out numbered tasks.
#pragma once

#include <cstddef>
#include <cstdint>

namespace elansr {

using Task = void (*)(const void* context, std::int64_t number, char* scratch);

// Runs `task` for every number below `count` on up to `threads` threads, this one included, and returns when all are
// done. Each thread brings `scratch_bytes` of memory of its own, aligned to a cache line. Tasks are handed out in
// ascending order. Throws std::bad_alloc where memory does not suffice; then nothing was run.
void share_out(int threads, std::int64_t count, std::size_t scratch_bytes, Task task, const void* context);

}  // namespace elansr
