#include "kioto/runtime/base/thread.h"

#include <pthread.h>
#include <sched.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kioto/runtime/base/park.h"
#include "kioto/runtime/base/sys_fault.h"

namespace kioto::base {
namespace {

using ::testing::HasSubstr;

TEST(ThreadTest, RunsAndJoins) {
  auto value = std::make_unique<int>(1);  // move-only captures
  int seen = 0;
  StatusOr<Thread> thread = Thread::Start("worker", [&seen, value = std::move(value)] { seen = *value; });
  ASSERT_TRUE(thread.ok()) << thread.status();
  EXPECT_TRUE(thread->joinable());
  thread->Join();
  EXPECT_FALSE(thread->joinable());
  EXPECT_EQ(seen, 1);
}

TEST(ThreadTest, MovesKeepTheThread) {
  int seen = 0;
  StatusOr<Thread> started = Thread::Start("worker", [&seen] { seen = 1; });
  ASSERT_TRUE(started.ok());
  Thread second(*std::move(started));
  Thread third;
  third = std::move(second);
  EXPECT_FALSE(second.joinable());
  third.Join();
  EXPECT_EQ(seen, 1);
}

#if defined(__linux__)
TEST(ThreadTest, NameIsCutToWhatTheSystemShows) {
  std::string name(64, '\0');
  StatusOr<Thread> thread =
      Thread::Start("kioto-worker-12345", [&] { pthread_getname_np(pthread_self(), &name[0], name.size()); });
  ASSERT_TRUE(thread.ok());
  thread->Join();
  EXPECT_STREQ(name.c_str(), "kioto-worker-12");
}

TEST(ThreadTest, StackHasAtLeastTheSizeThatWasAsked) {
  for (size_t asked : {size_t{1}, size_t{300'001}, size_t{64} << 20}) {
    size_t size = 0;
    StatusOr<Thread> thread = Thread::Start(
        "stack",
        [&] {
          pthread_attr_t attributes;
          pthread_getattr_np(pthread_self(), &attributes);
          pthread_attr_getstacksize(&attributes, &size);
          pthread_attr_destroy(&attributes);
        },
        asked);
    ASSERT_TRUE(thread.ok()) << thread.status();
    thread->Join();
    EXPECT_GE(size, asked);
  }
}

TEST(ThreadTest, PinnedThreadStays) {
  cpu_set_t allowed;
  ASSERT_EQ(sched_getaffinity(0, sizeof(allowed), &allowed), 0);
  int last = -1;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &allowed)) last = cpu;
  }
  StatusOr<Thread> thread = Thread::Start("pinned", [last] {
    EXPECT_TRUE(PinCurrentThread(last).ok());
    EXPECT_EQ(sched_getcpu(), last);
    EXPECT_EQ(PinCurrentThread(-1).code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(ErrnoOf(PinCurrentThread(CPU_SETSIZE - 1)), EINVAL);
  });
  ASSERT_TRUE(thread.ok());
  thread->Join();
}
#endif

TEST(ThreadTest, RefusalIsAStatus) {
  auto counted = std::make_shared<int>(0);
  {
    sys::ScopedFault fault(sys::Call::kThreadStart, sys::Fault::First(1, EAGAIN));
    StatusOr<Thread> thread = Thread::Start("refused", [counted] { FAIL() << "it was refused"; });
    EXPECT_FALSE(thread.ok());
    EXPECT_EQ(ErrnoOf(thread.status()), EAGAIN);
    EXPECT_THAT(thread.status().message(), HasSubstr("refused"));
    EXPECT_EQ(fault.hits(), 1);
  }
  EXPECT_EQ(counted.use_count(), 1) << "the body leaked";
  StatusOr<Thread> thread = Thread::Start("next", [] {});
  ASSERT_TRUE(thread.ok());
  thread->Join();
}

// A stack that no machine has: the refusal comes from the system itself.
TEST(ThreadTest, TheSystemsOwnRefusalIsAStatus) {
  for (size_t asked : {size_t{1} << 60, SIZE_MAX - 4096, SIZE_MAX}) {
    StatusOr<Thread> thread = Thread::Start(
        "huge", [] { ADD_FAILURE() << "it has some other stack"; }, asked);
    EXPECT_NE(ErrnoOf(thread.status()), 0);
    EXPECT_THAT(thread.status().message(), HasSubstr(absl::StrCat("huge with a stack of ", asked, " bytes")));
    if (thread.ok()) thread->Join();
  }
}

TEST(ThreadTest, DetachedThreadGoesOn) {
  // Freed by whoever comes last: the thread may still be inside Unpark when Park returns.
  auto parker = std::make_shared<Parker>();
  StatusOr<Thread> thread = Thread::Start("detached", [parker] { parker->Unpark(); });
  ASSERT_TRUE(thread.ok());
  thread->Detach();
  EXPECT_FALSE(thread->joinable());
  parker->Park();
}

#if defined(GTEST_HAS_DEATH_TEST)
TEST(ThreadDeathTest, ForgottenThreadIsAnError) {
  EXPECT_DEATH(
      {
        Parker never;
        StatusOr<Thread> thread = Thread::Start("forgotten", [&never] { never.Park(); });
        thread = absl::UnknownError("overwritten");
      },
      "Join\\(\\) or Detach\\(\\)");
}
#endif

}  // namespace
}  // namespace kioto::base
