#include "kioto/runtime/base/status.h"

#include <cerrno>
#include <cstring>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kioto/runtime/base/errno_table.h"
#include "kioto/runtime/base/testing/allocation_counter.h"

#if KIOTO_EXCEPTIONS
#include <stdexcept>
#endif

namespace kioto {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(ErrnoTest, SaysWhatAndWhy) {
  const Status status = ErrnoStatus(ECONNREFUSED, "connect 127.0.0.1:1");
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(status.message(), "connect 127.0.0.1:1: Connection refused (ECONNREFUSED)");
  EXPECT_EQ(ErrnoOf(status), ECONNREFUSED);
}

TEST(ErrnoTest, NegatedIsTheSame) { EXPECT_EQ(ErrnoStatus(-EMFILE, "accept"), ErrnoStatus(EMFILE, "accept")); }

TEST(ErrnoTest, ZeroIsOk) {
  EXPECT_TRUE(ErrnoStatus(0, "nothing").ok());
  EXPECT_EQ(ErrnoOf(OkStatus()), 0);
}

TEST(ErrnoTest, NumberThatNobodyKnowsStaysReadable) {
  const Status status = ErrnoStatus(4095, "x");
  EXPECT_EQ(status.code(), absl::StatusCode::kUnknown);
  EXPECT_THAT(status.message(), HasSubstr("errno 4095"));
  EXPECT_EQ(ErrnoOf(status), 4095);
}

TEST(ErrnoTest, OtherStatusesHaveNone) {
  EXPECT_EQ(ErrnoOf(absl::UnavailableError("no number")), 0);
  EXPECT_EQ(ErrnoOf(ClosedError()), 0);
  Status forged = absl::UnavailableError("x");
  forged.SetPayload("type.kioto/errno", absl::Cord("many"));
  EXPECT_EQ(ErrnoOf(forged), 0);
}

TEST(ErrnoTest, SurvivesCopiesAndAnnotations) {
  Status status = ErrnoStatus(EPIPE, "write");
  Status copy = status;
  status = OkStatus();
  EXPECT_EQ(ErrnoOf(copy), EPIPE);
}

// The kernel's numbers 1..133 without its two holes: none may be missing, none may be there twice.
TEST(ErrnoTest, TableHasEveryErrnoOnce) {
  std::set<int> numbers;
  for (const base::ErrnoEntry& entry : base::ErrnoTable()) {
    EXPECT_TRUE(numbers.insert(entry.number).second) << entry.name;
    EXPECT_EQ(base::FindErrno(entry.number), &entry);
    EXPECT_EQ(entry.name[0], 'E');
    EXPECT_NE(entry.code, absl::StatusCode::kOk) << entry.name;
    EXPECT_NE(entry.code, absl::StatusCode::kUnknown) << entry.name;
    EXPECT_EQ(ErrnoOf(ErrnoStatus(entry.number, "x")), entry.number);
#if defined(__GLIBC__) && (__GLIBC__ > 2 || __GLIBC_MINOR__ >= 32)
    EXPECT_STREQ(strerrorname_np(entry.number), entry.name);
#endif
  }
#ifdef __linux__
  for (int number = 1; number <= 133; ++number) {
    if (number == 41 || number == 58) continue;  // the numbers of EWOULDBLOCK and EDEADLOCK, long ago
    EXPECT_EQ(numbers.count(number), 1u) << number;
  }
#endif
  EXPECT_EQ(base::FindErrno(0), nullptr);
  EXPECT_EQ(base::FindErrno(-1), nullptr);
}

TEST(ErrnoTest, TheCodesThatPeopleBranchOn) {
  const std::pair<int, absl::StatusCode> expected[] = {
      {ENOENT, absl::StatusCode::kNotFound},          {EACCES, absl::StatusCode::kPermissionDenied},
      {EEXIST, absl::StatusCode::kAlreadyExists},     {EADDRINUSE, absl::StatusCode::kAlreadyExists},
      {EMFILE, absl::StatusCode::kResourceExhausted}, {ETIMEDOUT, absl::StatusCode::kDeadlineExceeded},
      {ECONNRESET, absl::StatusCode::kUnavailable},   {EINVAL, absl::StatusCode::kInvalidArgument},
      {ECANCELED, absl::StatusCode::kCancelled},      {EPIPE, absl::StatusCode::kFailedPrecondition},
  };
  for (const auto& [number, code] : expected) EXPECT_EQ(ErrnoStatus(number, "x").code(), code) << number;
}

// Every condition is told from every other one, and from a plain status of the same code.
TEST(ConditionTest, PredicatesTellThemApart) {
  using Predicate = bool (*)(const Status&);
  const std::pair<Status, Predicate> conditions[] = {
      {ClosedError(), &IsClosed},
      {LaggedError(3), [](const Status& s) { return IsLagged(s); }},
      {ElapsedError("5 s are over"), &IsElapsed},
      {AbortedError("task 7 was aborted"), &IsAborted},
      {StoppedError("stopped by its CancellationToken"), &IsStopped},
      {EmptyError(), &IsEmpty},
      {FullError(), &IsFull},
      {ThrownError("task 7 threw"), &IsThrown},
      {ShutdownError("Spawn"), &IsShutdown},
  };
  for (const auto& [status, unused] : conditions) {
    const Status plain(status.code(), status.message());
    for (const auto& [other, is_other] : conditions) {
      EXPECT_EQ(is_other(status), &other == &status) << status << " asked as " << other;
      EXPECT_FALSE(is_other(plain)) << plain;
      EXPECT_FALSE(is_other(OkStatus()));
    }
  }
}

TEST(ConditionTest, LaggedCounts) {
  uint64_t missed = 0;
  EXPECT_TRUE(IsLagged(LaggedError(~uint64_t{0}), &missed));
  EXPECT_EQ(missed, ~uint64_t{0});
  missed = 5;
  EXPECT_FALSE(IsLagged(absl::DataLossError("x"), &missed));
  EXPECT_EQ(missed, 5u);
}

TEST(ConditionTest, TextIsKept) {
  EXPECT_EQ(ClosedError("the receiver is gone").message(), "the receiver is gone");
  EXPECT_TRUE(IsClosed(ClosedError("the receiver is gone")));
  EXPECT_EQ(ElapsedError("e").message(), "e");
  EXPECT_EQ(AbortedError("a").message(), "a");
}

TEST(ConditionTest, EmptyFullAndClosedAllocateNothing) {
  // The first calls make them.
  (void)EmptyError(), (void)FullError(), (void)ClosedError();
  base::AllocationCounter counter;
  for (int i = 0; i < 100; ++i) {
    const Status empty = EmptyError();
    const Status full = FullError();
    const Status closed = ClosedError();
    ASSERT_FALSE(empty.ok() || full.ok() || closed.ok());
  }
  EXPECT_EQ(counter.count(), 0);
  // The counter counts.
  const Status made = ClosedError("made");
  EXPECT_GT(counter.count(), 0);
}

TEST(TaskIdOfTest, IsKeptBesideTheCondition) {
  Status status = WithTaskId(AbortedError("task 7 was aborted"), 7);
  const Status copy = status;
  status = OkStatus();
  EXPECT_EQ(TaskIdOf(copy), 7u);
  EXPECT_TRUE(kioto::IsAborted(copy));
  EXPECT_EQ(copy.message(), "task 7 was aborted");
  EXPECT_EQ(TaskIdOf(WithTaskId(AbortedError("x"), ~uint64_t{0})), ~uint64_t{0});
}

TEST(TaskIdOfTest, OtherStatusesHaveNone) {
  EXPECT_EQ(TaskIdOf(OkStatus()), 0u);
  EXPECT_EQ(TaskIdOf(AbortedError("task 7 was aborted")), 0u);
  Status forged = AbortedError("x");
  forged.SetPayload("type.kioto/task", absl::Cord("many"));
  EXPECT_EQ(TaskIdOf(forged), 0u);
}

#if KIOTO_EXCEPTIONS
TEST(ThrownTest, KeepsTheException) {
  Status status = ThrownError("task 3 threw", std::make_exception_ptr(std::runtime_error("disk on fire")));
  EXPECT_TRUE(IsThrown(status));
  EXPECT_EQ(status.message(), "task 3 threw: disk on fire");
  Status copy = status;
  status = OkStatus();
  try {
    RethrowIfThrown(copy);
    FAIL() << "nothing was thrown";
  } catch (const std::runtime_error& e) {
    EXPECT_STREQ(e.what(), "disk on fire");
  }
}

TEST(ThrownTest, AnyTypeMayBeThrown) {
  const Status status = ThrownError("task", std::make_exception_ptr(42));
  EXPECT_THAT(status.message(), HasSubstr("no std::exception"));
  EXPECT_THROW(RethrowIfThrown(status), int);
}

TEST(ThrownTest, ExceptionDiesWithTheLastStatus) {
  struct Counted : std::exception {
    explicit Counted(int* live) : live(live) { ++*live; }
    Counted(const Counted& other) : live(other.live) { ++*live; }
    ~Counted() override { --*live; }
    int* live;
  };
  int live = 0;
  {
    Status status = ThrownError("task", std::make_exception_ptr(Counted(&live)));
    EXPECT_EQ(live, 1);
    const Status copy = status;
    status = OkStatus();
    EXPECT_EQ(live, 1);
  }
  EXPECT_EQ(live, 0);
}

TEST(ThrownTest, OthersHoldNone) {
  EXPECT_EQ(ThrownException(OkStatus()), nullptr);
  EXPECT_EQ(ThrownException(absl::InternalError("x")), nullptr);
  EXPECT_EQ(ThrownException(ThrownError("no exception_ptr")), nullptr);
  EXPECT_TRUE(IsThrown(ThrownError("a null one", nullptr)));
  RethrowIfThrown(absl::InternalError("x"));
}

// Bytes that went over a wire are no exception any more, whatever they say.
TEST(ThrownTest, CopiedBytesAreNotTrusted) {
  const Status status = ThrownError("task", std::make_exception_ptr(std::runtime_error("x")));
  Status received = ThrownError("task");
  status.ForEachPayload([&](absl::string_view url, const absl::Cord& payload) {
    received.SetPayload(url, absl::Cord(std::string(payload)));
  });
  EXPECT_TRUE(IsThrown(received));
  EXPECT_EQ(ThrownException(received), nullptr);
}
#endif  // KIOTO_EXCEPTIONS

TEST(SentenceTest, SayWhatToDo) {
  const Status outside = OutsideRuntimeError("Sleep");
  EXPECT_EQ(outside.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(outside.message(), StartsWith("kioto: Sleep was used outside a runtime: "));

  const Status off = PartIsOffError("I/O", "net::TcpListener::Bind", "WithoutIo()");
  EXPECT_EQ(off.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(off.message(),
            "kioto: net::TcpListener::Bind needs I/O, which this runtime was built without: remove WithoutIo() from "
            "its RuntimeBuilder");

  const Status inherited = InheritedError("BlockOn");
  EXPECT_EQ(inherited.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(inherited.message(), StartsWith("kioto: BlockOn was refused because its runtime was made before fork(), "));

  const Status shutdown = ShutdownError("Spawn");
  EXPECT_EQ(shutdown.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(shutdown.message(), StartsWith("kioto: Spawn was refused because its runtime is shutting down: "));
}

// behaviour: tokio/tests/rt_shutdown_err.rs#test_is_not_rt_shutdown_err
TEST(ShutdownErrorTest, IsNotAnErrorOfTheSystem) {
  EXPECT_TRUE(IsShutdown(ShutdownError("Accept")));
  EXPECT_FALSE(IsShutdown(ErrnoStatus(ECONNREFUSED, "connect")));
  EXPECT_FALSE(IsShutdown(OkStatus()));
}

// behaviour: tokio/tests/rt_shutdown_err.rs#test_other_error_kinds_and_strings
TEST(ShutdownErrorTest, IsNotTakenForAnotherOfItsCodeOrText) {
  const Status shutdown = ShutdownError("Accept");
  EXPECT_FALSE(IsShutdown(ErrnoStatus(EINTR, "read")));
  EXPECT_FALSE(IsShutdown(ElapsedError("read")));
  EXPECT_FALSE(IsShutdown(EmptyError()));
  EXPECT_FALSE(IsShutdown(Status(shutdown.code(), shutdown.message())));
}

// behaviour: tokio/tests/rt_shutdown_err.rs#test_join_error_cancelled
TEST(ShutdownErrorTest, IsNotTheAbortOfATask) { EXPECT_FALSE(IsShutdown(AbortedError("the task was aborted"))); }

// behaviour: tokio/tests/rt_shutdown_err.rs#test_join_error_panic
TEST(ShutdownErrorTest, IsNotTheThrowOfATask) { EXPECT_FALSE(IsShutdown(ThrownError("the task's future threw"))); }

}  // namespace
}  // namespace kioto
