// FastRandom: chance for scheduling (who steals from whom, which branch goes first). One multiplication, not for
// secrets.
//
// Every generator of a process takes its seed from NextSeed(), a sequence that begins at the process seed: a run with
// one thread repeats exactly if the process seed is given (KIOTO_SEED, or a test's SetProcessSeed).
#ifndef KIOTO_RUNTIME_BASE_RANDOM_H_
#define KIOTO_RUNTIME_BASE_RANDOM_H_

#include <cstdint>

namespace kioto::base {

// xorshift64* (Vigna, 2016). One thread at a time.
class FastRandom {
 public:
  // Any seed will do, 0 too, and near seeds give unlike sequences.
  explicit FastRandom(uint64_t seed);

  uint64_t Next() {
    state_ ^= state_ >> 12;
    state_ ^= state_ << 25;
    state_ ^= state_ >> 27;
    return state_ * 0x2545f4914f6cdd1du;
  }

  // In [0, bound), all equally likely but for one part in 2^32 / bound. `bound` is at least 1.
  uint32_t Below(uint32_t bound) { return static_cast<uint32_t>((Next() >> 32) * bound >> 32); }

  // The bare state, which Context::Random advances in the same way.
  uint64_t* state() { return &state_; }

 private:
  uint64_t state_;
};

// The seed of this process: KIOTO_SEED if set (decimal), else from the kernel. Any thread.
uint64_t ProcessSeed();

// The next seed of the sequence. Any thread.
uint64_t NextSeed();

// Begins the sequence of NextSeed anew at `seed`.
void SetProcessSeed(uint64_t seed);

}  // namespace kioto::base

#endif  // KIOTO_RUNTIME_BASE_RANDOM_H_
