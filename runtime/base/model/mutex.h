// What blocks in a model: Mutex, and a futex. See kioto/runtime/base/mutex.h and park.h, which say
// when these are used.
#ifndef KIOTO_RUNTIME_BASE_MODEL_MUTEX_H_
#define KIOTO_RUNTIME_BASE_MODEL_MUTEX_H_

#include <cstdint>

#include "kioto/runtime/base/model/atomic.h"

namespace kioto::model {

class Mutex {
 public:
  Mutex();
  ~Mutex();
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  void Lock(KIOTO_MODEL_SITE);
  bool TryLock(KIOTO_MODEL_SITE);
  void Unlock(KIOTO_MODEL_SITE);

 private:
  internal::Execution* Find(internal::Site site) const;

  uint32_t execution_ = internal::kPlain;
  int owner_ = -1;  // the thread that holds it
  internal::Clock clock_;
};

// Waits until FutexWake of the same word, if the word still has that value; like the kernel's, it
// says nothing about what has happened before. With may_time_out it may also return false, at once
// or when no thread can go on otherwise.
bool FutexWait(const Atomic<uint32_t>& word, uint32_t expected, bool may_time_out = false,
               KIOTO_MODEL_SITE);
// Ends at most `most` of the waits; gives their number.
int FutexWake(const Atomic<uint32_t>& word, int most = 1, KIOTO_MODEL_SITE);

}  // namespace kioto::model

#endif  // KIOTO_RUNTIME_BASE_MODEL_MUTEX_H_
