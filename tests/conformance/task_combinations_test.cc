// A task, its JoinHandle and its AbortHandle, in every order in which they can end: the future is destroyed once, an output is
// made exactly if the task came to its end, and destroyed once, whoever was the last to hold it.
#include <atomic>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "kioto/runtime/task/local_set.h"
#include "kioto/runtime/task/spawn.h"
#include "kioto/sync/oneshot.h"
#include "kioto/tests/conformance/flavours.h"

namespace kioto {
namespace {

using sync::Oneshot;
using sync::OneshotReceiver;
using sync::OneshotSender;

enum class End { kValue, kError, kThrows };
#if KIOTO_EXCEPTIONS
constexpr End kEnds[] = {End::kValue, End::kError, End::kThrows};
#else
constexpr End kEnds[] = {End::kValue, End::kError};
#endif

// When something is done to a task.
enum When { kAtOnce, kAtFirstPoll, kWhenDone, kWhenTaken, kNever };
constexpr When kTimes[] = {kAtOnce, kAtFirstPoll, kWhenDone, kWhenTaken};

struct Case {
  bool local_set;
  End end;
  bool polls_handle;
  When drops_handle;
  bool aborts_by_handle;  // else by its AbortHandle
  When aborts;
  When drops_abort_handle;

  // Whether what is to abort is still there.
  bool possible() const { return aborts == kNever || aborts <= (aborts_by_handle ? drops_handle : drops_abort_handle); }
  bool aborted() const { return aborts <= kAtFirstPoll; }
  std::string Text() const {
    return absl::StrCat("local set ", local_set, ", end ", static_cast<int>(end), ", handle polled ", polls_handle, ", dropped ",
                        drops_handle, ", aborted by handle ", aborts_by_handle, " at ", aborts, ", abort handle dropped ",
                        drops_abort_handle);
  }
};

struct Counts {
  std::atomic<int> futures{0};
  std::atomic<int> outputs{0};
  std::atomic<int> outputs_made{0};
};

// One of those that `count` counts, wherever it is moved to.
class Counted {
 public:
  explicit Counted(std::atomic<int>* count) : count_(count) { ++*count_; }
  Counted(Counted&& other) noexcept : count_(std::exchange(other.count_, nullptr)) {}
  Counted& operator=(Counted&& other) noexcept {
    std::swap(count_, other.count_);
    return *this;
  }
  ~Counted() {
    if (count_ != nullptr) --*count_;
  }

 private:
  std::atomic<int>* count_;
};

// Says that it was polled, waits for the gate, and ends as it is told to.
class Subject : public FutureBase<Subject, StatusOr<Counted>> {
 public:
  Subject(Counts* counts, End end, OneshotSender<int> polled, OneshotReceiver<int> gate)
      : counts_(counts), end_(end), polled_(std::move(polled)), gate_(std::move(gate)), counted_(&counts->futures) {}

  Poll<StatusOr<Counted>> PollOnce(Context& cx) {
    if (!std::exchange(was_polled_, true)) (void)polled_.Send(1);
    if (gate_.PollOnce(cx).pending()) return kPending;
    if (end_ == End::kError) return StatusOr<Counted>(absl::NotFoundError("nothing there"));
#if KIOTO_EXCEPTIONS
    if (end_ == End::kThrows) throw 7;
#endif
    ++counts_->outputs_made;
    return StatusOr<Counted>(Counted(&counts_->outputs));
  }

 private:
  Counts* counts_;
  End end_;
  bool was_polled_ = false;
  OneshotSender<int> polled_;
  OneshotReceiver<int> gate_;
  Counted counted_;
};

class Trial {
 public:
  Trial(Runtime& runtime, const Case& c) : runtime_(runtime), case_(c) {
    if (case_.local_set) set_.emplace();
  }

  void Run() {
    auto polled = Oneshot<int>();
    auto gate = Oneshot<int>();
    Subject subject(&counts_, case_.end, std::move(polled.sender), std::move(gate.receiver));
    handle_ = set_ ? set_->SpawnLocal(std::move(subject)) : runtime_.Spawn(std::move(subject));
    abort_ = handle_->abort_handle();
    if (case_.polls_handle) PollHandle();
    At(kAtOnce);
    Drive(std::move(polled.receiver));  // also if it is destroyed unpolled
    At(kAtFirstPoll);
    // An abort ends the task by itself. Only then: a poll that goes on meanwhile may still find an open gate, and ends well.
    if (case_.aborts == kAtOnce || case_.aborts == kAtFirstPoll) AwaitEnd();
    (void)gate.sender.Send(1);
    AwaitEnd();
    EXPECT_EQ(counts_.futures, 0);
    while (handle_ && !handle_->finished()) Drive(YieldNow());
    At(kWhenDone);
    if (handle_) CheckOutput();
    At(kWhenTaken);
    while (counts_.outputs > 0 && ++spins_ < 1'000'000) std::this_thread::yield();  // the worker drops what nobody takes
    EXPECT_EQ(counts_.outputs, 0);
    const bool made = case_.end == End::kValue && !case_.aborted();
    EXPECT_EQ(counts_.outputs_made, made ? 1 : 0);
  }

 private:
  template <class F>
  void Drive(F future) {
    if (set_) {
      (void)set_->BlockOn(runtime_, std::move(future));
    } else {
      (void)runtime_.BlockOn(std::move(future));
    }
  }

  void AwaitEnd() {
    while (live() > 0) Drive(YieldNow());
  }

  size_t live() const { return set_ ? set_->size() : runtime_.handle().live_tasks(); }

  // It can not be ready: the gate is closed, and nobody has aborted.
  void PollHandle() {
    Drive(PollFn([this](Context& cx) -> Poll<Unit> {
      EXPECT_TRUE(handle_->PollOnce(cx).pending());
      return Unit{};
    }));
  }

  void At(When now) {
    if (case_.aborts == now) {
      if (case_.aborts_by_handle) {
        handle_->Abort();
      } else {
        abort_->Abort();
      }
    }
    if (case_.drops_handle == now) handle_.reset();
    if (case_.drops_abort_handle == now) abort_.reset();
  }

  void CheckOutput() {
    std::optional<StatusOr<Counted>> output = handle_->TryTake();
    ASSERT_TRUE(output.has_value());
    if (case_.aborted()) {
      EXPECT_TRUE(kioto::IsAborted(output->status())) << output->status();
    } else if (case_.end == End::kThrows) {
      EXPECT_TRUE(kioto::IsThrown(output->status())) << output->status();
    } else if (case_.end == End::kError) {
      EXPECT_EQ(output->status(), absl::NotFoundError("nothing there"));
    } else {
      EXPECT_TRUE(output->ok()) << output->status();
      EXPECT_EQ(counts_.outputs, 1);
    }
  }

  Runtime& runtime_;
  const Case case_;
  Counts counts_;
  std::optional<LocalSet> set_;
  std::optional<JoinHandle<StatusOr<Counted>>> handle_;
  std::optional<AbortHandle> abort_;
  int spins_ = 0;
};

class TaskCombinationsTest : public FlavourTest {
 protected:
  void TryAll(bool local_set, End end) {
    for (bool polls_handle : {false, true}) {
      for (When drops_handle : kTimes) {
        for (bool by_handle : {false, true}) {
          for (When aborts : {kAtOnce, kAtFirstPoll, kWhenDone, kWhenTaken, kNever}) {
            for (When drops_abort : kTimes) {
              Try({local_set, end, polls_handle, drops_handle, by_handle, aborts, drops_abort});
            }
          }
        }
      }
    }
  }

 private:
  void Try(const Case& c) {
    if (!c.possible()) return;
    SCOPED_TRACE(c.Text());
    Trial(runtime(), c).Run();
  }
};
ON_EVERY_FLAVOUR(TaskCombinationsTest);

// behaviour: tokio/src/runtime/tests/task_combinations.rs#test_combinations
TEST_P(TaskCombinationsTest, EndsOnceInEveryOrder) {
  for (bool local_set : {false, true}) {
    for (End end : kEnds) TryAll(local_set, end);
  }
  EXPECT_TRUE(runtime().Shutdown().clean());
}

}  // namespace
}  // namespace kioto
