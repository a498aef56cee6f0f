#include "kioto/runtime/base/thread.h"

#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "kioto/runtime/base/check.h"
#include "kioto/runtime/base/sys_call.h"

namespace kioto::base {
namespace {

constexpr size_t kNameBytes = 16;  // with the zero: Linux's limit

struct Birth {
  absl::AnyInvocable<void() &&> body;
  char name[kNameBytes];
};

void CopyName(absl::string_view name, char (&to)[kNameBytes]) {
  const size_t size = name.size() < kNameBytes - 1 ? name.size() : kNameBytes - 1;
  std::memcpy(to, name.data(), size);
  to[size] = '\0';
}

void* Main(void* argument) {
  const std::unique_ptr<Birth> birth(static_cast<Birth*>(argument));
  SetCurrentThreadName(birth->name);
  std::move(birth->body)();
  return nullptr;
}

// pthread's own number: positive, no errno.
int Create(pthread_t* handle, size_t stack_size, Birth* birth) {
  if (sys::FaultsInstalled()) {
    if (const int error = sys::InjectedError(sys::Call::kThreadStart, -1)) return error;
  }
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  int error = 0;
  if (stack_size != 0) {
    const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    stack_size = std::clamp<size_t>(stack_size, PTHREAD_STACK_MIN, SIZE_MAX - page);  // so that it can be rounded up
    error = pthread_attr_setstacksize(&attributes, (stack_size + page - 1) / page * page);
  }
  if (error == 0) error = pthread_create(handle, &attributes, &Main, birth);
  pthread_attr_destroy(&attributes);
  return error;
}

}  // namespace

StatusOr<Thread> Thread::Start(absl::string_view name, absl::AnyInvocable<void() &&> body, size_t stack_size) {
  auto birth = std::make_unique<Birth>();
  birth->body = std::move(body);
  CopyName(name, birth->name);

  Thread thread;
  const int error = Create(&thread.handle_, stack_size, birth.get());
  if (error != 0) {
    const std::string stack = stack_size != 0 ? absl::StrCat(" with a stack of ", stack_size, " bytes") : "";
    return ErrnoStatus(error, absl::StrCat("starting thread ", name, stack));
  }
  (void)birth.release();  // Main owns it
  thread.joinable_ = true;
  return thread;
}

Thread& Thread::operator=(Thread&& other) noexcept {
  KIOTO_CHECK(!joinable_, "a running base::Thread was overwritten: Join() or Detach() it first");
  handle_ = other.handle_;
  joinable_ = std::exchange(other.joinable_, false);
  return *this;
}

Thread::~Thread() { KIOTO_CHECK(!joinable_, "a running base::Thread was destroyed: Join() or Detach() it first"); }

void Thread::Join() {
  KIOTO_CHECK(joinable_, "a base::Thread that does not run was joined");
  const int error = pthread_join(handle_, nullptr);
  KIOTO_CHECK(error == 0, "a thread could not be joined: it can not join itself");
  joinable_ = false;
}

void Thread::Detach() {
  KIOTO_CHECK(joinable_, "a base::Thread that does not run was detached");
  pthread_detach(handle_);
  joinable_ = false;
}

void SetCurrentThreadName(absl::string_view name) {
  char text[kNameBytes];
  CopyName(name, text);
#if defined(__linux__)
  pthread_setname_np(pthread_self(), text);
#elif defined(__APPLE__)
  pthread_setname_np(text);
#endif
}

Status PinCurrentThread(int cpu) {
#if defined(__linux__)
  if (cpu < 0 || cpu >= CPU_SETSIZE) return absl::InvalidArgumentError(absl::StrCat("there is no processor ", cpu));
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  return ErrnoStatus(pthread_setaffinity_np(pthread_self(), sizeof(set), &set),
                     absl::StrCat("pinning the thread to processor ", cpu));
#else
  return absl::UnimplementedError(absl::StrCat("this system can not pin a thread to processor ", cpu));
#endif
}

#if defined(__linux__)
PinnedThread::PinnedThread(int cpu) {
  if (cpu == kAnywhere || pthread_getaffinity_np(pthread_self(), sizeof(before_), &before_) != 0) return;
  pinned_ = PinCurrentThread(cpu).ok();
}

PinnedThread::~PinnedThread() {
  if (pinned_) pthread_setaffinity_np(pthread_self(), sizeof(before_), &before_);
}
#else
PinnedThread::PinnedThread(int) {}
PinnedThread::~PinnedThread() = default;
#endif

}  // namespace kioto::base
