#include "kioto/runtime/base/random.h"

#include <atomic>
#include <cstdlib>
#include <random>

namespace kioto::base {
namespace {

// splitmix64 (Steele, Lea, Flood, 2014): makes unlike numbers of 0, 1, 2 …
uint64_t Mix(uint64_t x) {
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

uint64_t FirstSeed() {
  if (const char* text = std::getenv("KIOTO_SEED"); text != nullptr && *text != '\0') {
    return std::strtoull(text, nullptr, 10);
  }
  std::random_device device;
  return uint64_t{device()} << 32 | device();
}

// Not base::Atomic: chance is an input of an exploration, not a part of it.
struct Seeds {
  std::atomic<uint64_t> process{FirstSeed()};
  std::atomic<uint64_t> given{0};  // by NextSeed
};
Seeds& TheSeeds() {
  static Seeds& seeds = *new Seeds;  // never destroyed: threads may outlive main
  return seeds;
}

}  // namespace

FastRandom::FastRandom(uint64_t seed) : state_(Mix(seed)) {
  if (state_ == 0) state_ = 1;  // the one state that xorshift never leaves
}

// relaxed, all below: numbers that guard nothing.
uint64_t ProcessSeed() { return TheSeeds().process.load(std::memory_order_relaxed); }

uint64_t NextSeed() {
  Seeds& seeds = TheSeeds();
  // relaxed: see above.
  return Mix(seeds.process.load(std::memory_order_relaxed) + seeds.given.fetch_add(1, std::memory_order_relaxed));
}

void SetProcessSeed(uint64_t seed) {
  TheSeeds().process.store(seed, std::memory_order_relaxed);  // relaxed: see above
  TheSeeds().given.store(0, std::memory_order_relaxed);       // relaxed: see above
}

}  // namespace kioto::base
