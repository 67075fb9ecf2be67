#include "processor.h"

#if defined(__x86_64__) || defined(_M_X64)
#define ELANSR_X86
#if defined(_MSC_VER) && !defined(__clang__)
#include <intrin.h>
#else
#include <cpuid.h>
#endif
#endif

namespace elansr {
namespace {

#ifdef ELANSR_X86
struct Registers {
  unsigned a, b, c, d;
};

Registers ask(unsigned leaf, unsigned subleaf) {
  Registers r = {0, 0, 0, 0};
#if defined(_MSC_VER) && !defined(__clang__)
  int x[4];
  __cpuid(x, 0);
  if (static_cast<unsigned>(x[0]) < leaf) return r;
  __cpuidex(x, static_cast<int>(leaf), static_cast<int>(subleaf));
  r = {static_cast<unsigned>(x[0]), static_cast<unsigned>(x[1]), static_cast<unsigned>(x[2]),
       static_cast<unsigned>(x[3])};
#else
  __get_cpuid_count(leaf, subleaf, &r.a, &r.b, &r.c, &r.d);
#endif
  return r;
}

// Which registers the operating system saves when it switches threads.
unsigned saved_state() {
#if defined(_MSC_VER) && !defined(__clang__)
  return static_cast<unsigned>(_xgetbv(0));
#else
  unsigned low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
#endif
}

bool has(unsigned bits, int bit) { return (bits >> bit) & 1u; }

int best() {
  const Registers basic = ask(1, 0), more = ask(7, 0), newer = ask(7, 1);
  if (!has(basic.c, 27)) return kPortable;  // OSXSAVE: xgetbv may be asked
  const unsigned saved = saved_state();
  const bool avx = (saved & 0x06u) == 0x06u, avx512 = (saved & 0xe6u) == 0xe6u;
  if (!avx || !has(basic.c, 12) || !has(more.b, 5)) return kPortable;  // FMA, AVX2
  if (!avx512 || !has(more.b, 16) || !has(more.b, 17) || !has(more.b, 30) || !has(more.b, 31)) return kAvx2;
  return has(newer.a, 5) ? kAvx512Bf16 : kAvx512;  // F, DQ, BW, VL; BF16
}
#else
int best() { return kPortable; }
#endif

}  // namespace

int fastest_level() {
  static const int fastest = best();
  return fastest;
}

}  // namespace elansr
