#include "kioto/runtime/base/model/thread.h"

namespace kioto::model {

using internal::Execution;

int Thread::Start(void (*run)(void*), void* arg) {
  Execution* e = Execution::Current();
  if (e == nullptr) internal::Fail("a model::Thread is started outside an execution");
  return e->Spawn(run, arg);
}

void Thread::Join(const char* file, int line) {
  if (number_ < 0) return;
  const int number = std::exchange(number_, -1);
  Execution::Current()->Join(number, {file, line});
}

void Assert(bool condition, const char* sentence, const char* file, int line) {
  if (!condition) internal::Fail(sentence, {file, line});
}

void SpinHint(const char* file, int line) {
  if (Execution* e = Execution::Current()) e->SpinHint({file, line});
}

int ThreadNumber() { return Execution::Current() == nullptr ? 0 : Execution::Current()->thread(); }

}  // namespace kioto::model
