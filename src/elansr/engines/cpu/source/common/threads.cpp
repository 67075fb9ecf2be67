#include "threads.h"

#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <new>
#include <system_error>
#include <thread>

#ifdef _WIN32
#include <process.h>
#define ELANSR_PROCESS _getpid
#else
#include <unistd.h>
#define ELANSR_PROCESS getpid
#endif
#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>
#endif

namespace elansr {
namespace {

// About 20 microseconds: long enough for the next layer to follow at once, too short to be in anybody's way.
constexpr int kSpins = 1000;
constexpr std::size_t kLine = 64;

void breathe() {
#if defined(__x86_64__) || defined(_M_X64)
  _mm_pause();
#elif defined(__aarch64__) && defined(__GNUC__)
  __asm__ volatile("isb");
#else
  std::this_thread::yield();
#endif
}

// Memory that a thread keeps from one job to the next.
class Scratch {
 public:
  ~Scratch() { std::free(memory_); }
  char* get(std::size_t bytes) {
    if (bytes > size_) {
      std::free(memory_);
      size_ = 0;
      memory_ = std::malloc(bytes + kLine);
      if (!memory_) throw std::bad_alloc();
      size_ = bytes;
    }
    const std::uintptr_t address = reinterpret_cast<std::uintptr_t>(memory_);
    return reinterpret_cast<char*>((address + kLine - 1) / kLine * kLine);
  }

 private:
  void* memory_ = nullptr;
  std::size_t size_ = 0;
};

char* scratch(std::size_t bytes) {
  thread_local Scratch mine;
  return mine.get(bytes);
}

struct Job {
  Task task;
  const void* context;
  std::int64_t count;
  std::size_t scratch_bytes;
  std::atomic<std::int64_t> next{0};

  void work(char* memory) {
    for (std::int64_t i; (i = next.fetch_add(1, std::memory_order_relaxed)) < count;) task(context, i, memory);
  }
};

class Pool {
 public:
  // False where another thread is using the pool: the caller then works alone.
  bool run(Job& job, int threads) {
    std::unique_lock<std::mutex> owner(one_job_, std::try_to_lock);
    if (!owner) return false;
    char* memory = scratch(job.scratch_bytes);
    grow(threads - 1);
    {
      std::lock_guard<std::mutex> lock(mutex_);
      job_ = &job;
      places_ = threads - 1;
      generation_.fetch_add(1, std::memory_order_release);
    }
    wake_.notify_all();
    job.work(memory);
    close();
    return true;
  }

 private:
  void grow(int workers) {
    while (workers_ < workers) {
      try {
        std::thread(&Pool::serve, this).detach();
      } catch (const std::system_error&) {
        return;  // fewer threads do the same work
      }
      ++workers_;
    }
  }

  // From here on nobody joins; those inside finish the task they are at. Workers still asleep are not waited for.
  void close() {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      job_ = nullptr;
    }
    for (int i = 0; i < kSpins && inside_.load(std::memory_order_acquire); ++i) breathe();
    std::unique_lock<std::mutex> lock(mutex_);
    done_.wait(lock, [this] { return inside_.load(std::memory_order_acquire) == 0; });
  }

  void serve() {
    std::uint64_t seen = 0;
    while (true) {
      wait_for_change(seen);
      Job* job = join(seen);
      if (!job) continue;
      try {
        job->work(scratch(job->scratch_bytes));
      } catch (const std::bad_alloc&) {
        // Without memory of its own this thread leaves the work to the others.
      }
      std::lock_guard<std::mutex> lock(mutex_);
      if (inside_.fetch_sub(1, std::memory_order_release) == 1) done_.notify_one();
    }
  }

  void wait_for_change(std::uint64_t seen) {
    for (int i = 0; i < kSpins; ++i) {
      if (generation_.load(std::memory_order_acquire) != seen) return;
      breathe();
    }
    std::unique_lock<std::mutex> lock(mutex_);
    wake_.wait(lock, [&] { return generation_.load(std::memory_order_relaxed) != seen; });
  }

  Job* join(std::uint64_t& seen) {
    std::lock_guard<std::mutex> lock(mutex_);
    seen = generation_.load(std::memory_order_relaxed);
    if (!job_ || places_ == 0) return nullptr;
    --places_;
    inside_.fetch_add(1, std::memory_order_relaxed);
    return job_;
  }

  std::mutex one_job_, mutex_;
  std::condition_variable wake_, done_;
  std::atomic<std::uint64_t> generation_{0};
  std::atomic<int> inside_{0};
  Job* job_ = nullptr;
  int places_ = 0, workers_ = 0;
};

// The pool of this process. It is never destroyed, since its threads sleep in it until the process ends; a forked
// child has none of the threads and starts a pool of its own.
Pool& pool() {
  static std::atomic<Pool*> current{nullptr};
  static std::atomic<long> owner{0};
  const long process = static_cast<long>(ELANSR_PROCESS());
  Pool* found = current.load(std::memory_order_acquire);
  if (found && owner.load(std::memory_order_acquire) == process) return *found;
  Pool* fresh = new Pool;
  if (!current.compare_exchange_strong(found, fresh)) {
    delete fresh;  // another thread was first
    return *found;
  }
  owner.store(process, std::memory_order_release);
  return *fresh;
}

}  // namespace

void share_out(int threads, std::int64_t count, std::size_t scratch_bytes, Task task, const void* context) {
  Job job;
  job.task = task;
  job.context = context;
  job.count = count;
  job.scratch_bytes = scratch_bytes;
  if (threads > 1 && count > 1 && pool().run(job, threads)) return;
  job.work(scratch(scratch_bytes));
}

}  // namespace elansr
