// Shares out the windows of all channel groups over the threads.
#pragma once

#include <new>

#include "threads.h"

namespace elansr {

// Windows of so many pixels altogether make one task, so that handing out tasks costs nothing beside them.
constexpr std::int64_t kTaskPixels = 256;
constexpr int kMaxGroups = 64;

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

// 0: done; 1: not enough memory; 2: too many groups.
template <class Call>
int share_windows(const Call& call, typename WindowTasks<Call>::Kernel kernel, std::size_t (*bytes)(const Call& call),
                  std::int64_t (*count)(const Call& call, int group)) {
  if (call.groups > kMaxGroups) return 2;
  try {
    const WindowTasks<Call> tasks(call, kernel, count);
    share_out(call.threads, tasks.total, bytes(call), WindowTasks<Call>::run, &tasks);
  } catch (const std::bad_alloc&) {
    return 1;
  }
  return 0;
}

}  // namespace elansr
