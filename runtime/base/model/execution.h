// Execution: one run of a model, its threads on fibers, one operation at a time.
//
// SCHEDULE    Before each operation that another thread could notice (a point) the scheduler may
// stop the thread for
//             another. Accesses to a Cell are no points: they are checked by clocks, so their order
//             does not matter. A thread that does not run stands before a point, always: one that
//             is started runs to its first, one that has joined another to its next. So no two
//             schedules differ in what nobody can notice.
// MEMORY      Each atomic keeps its latest stores, in the order in which they were made (that is
// the modification order: C++
//             allows others, they are not explored). A load may see any of them that C++ allows it
//             to:
//               floor     a store that happens before the load, or was seen by something that does,
//               hides older ones seq_cst   such a load also sees nothing older than what a seq_cst
//               operation has stored or seen before RMW       always the latest; it continues the
//               release sequence of what it read, a plain store ends it
//             acquire + release join clocks; Cells, births and deaths of objects are checked
//             against them. There are no fences: the product has none. A load never sees a store
//             that is made later.
// SPIN        A thread in SpinHint() is not run again before another one has stored something, or
// nobody else can run. FAILURE     Fail() leaves the execution for ever, from any depth of any
// fiber; the heap takes all memory back.
#ifndef KIOTO_RUNTIME_BASE_MODEL_EXECUTION_H_
#define KIOTO_RUNTIME_BASE_MODEL_EXECUTION_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "kioto/runtime/base/model/clock.h"
#include "kioto/runtime/base/model/fiber.h"
#include "kioto/runtime/base/model/options.h"
#include "kioto/runtime/base/model/path.h"

namespace kioto::model::internal {

// Where in the product an operation stands.
struct Site {
  const char* file = "";
  int line = 0;
};

// "file.cc:42".
std::string At(Site site);

// Ends the execution as failed. Outside one: prints and aborts.
[[noreturn]] void Fail(const std::string& sentence);
[[noreturn]] void Fail(const std::string& sentence, Site site);

// How an object of the model knows the execution it was made in.
inline constexpr uint32_t kPlain = 0;  // made outside: behaves like a plain variable
inline constexpr uint32_t kDestroyed = 0xdead0bad;
inline constexpr uint32_t kFreed = 0xdddddddd;  // what the heap writes over freed memory

// One value that an atomic had.
struct StoredValue {
  uint64_t value;
  int thread;
  Clock sync;                  // what an acquire load of it joins
  uint32_t seen[kMaxThreads];  // when each thread first stored or loaded it; UINT32_MAX: never
};

// What the execution keeps of an atomic.
struct Location {
  static constexpr int kWindow = 4;  // a load sees the latest store or one of the three before it

  StoredValue& at(uint32_t index) { return ring[index % kWindow]; }

  StoredValue ring[kWindow];
  uint32_t latest = 0;         // index of the newest store
  uint32_t seq_cst_floor = 0;  // the newest store that a seq_cst operation stored or saw
  Clock used;                  // the last access of each thread
  int maker = 0;               // the thread of the constructor, and when
  uint32_t made_at = 0;
};

struct AtomicState {
  uint32_t execution = kPlain;
  uint32_t location = 0;
};

// What a Cell keeps of its accesses. All calls come from the running thread.
class CellState {
 public:
  void Make();
  void Read(Site site);
  void Write(Site site);
  void Destroy(Site site);

 private:
  uint32_t execution_ = kPlain;
  int writer_ = 0;  // the last Write, and when
  uint32_t written_at_ = 0;
  Site written_in_;
  Clock reads_;  // the last Read of each thread
};

enum class Status : uint8_t { kUnused, kRunnable, kBlocked, kFrozen, kDone };
enum class WaitFor : uint8_t { kNothing, kJoin, kMutex, kFutex };

struct ModelThread {
  Fiber fiber;
  Clock clock;
  Status status = Status::kUnused;
  WaitFor wait_for = WaitFor::kNothing;
  const void* wait_object = nullptr;
  bool timed = false;  // the wait may end by itself
  bool timed_out = false;
  bool spinning = false;  // in SpinHint: others first
  int starter = -1;       // before its first point: the thread that started it, which goes on then
  bool chosen = false;    // it was chosen to do its next operation
  bool joined = false;    // it waited for a thread that has ended: its next point asks who goes on
  uint64_t priority = 0;  // of random schedules
  Site site;              // the last operation
  void (*run)(void*) = nullptr;
  void* arg = nullptr;
};

class Execution {
 public:
  explicit Execution(const Options& options);
  ~Execution();
  Execution(const Execution&) = delete;
  Execution& operator=(const Execution&) = delete;

  // The one that runs now; null outside.
  static Execution* Current() { return current_execution_; }

  // Runs run(arg) as thread 0 along `path`, to its end or failure.
  struct Bounds {
    int preemptions, stale_loads, spurious_failures;
  };
  void Run(void (*run)(void*), void* arg, const Bounds& bounds, bool check_leaks);
  Path& path() { return path_; }
  // Makes choices that are not on the path at random from now on.
  void Randomize(uint64_t seed, int expected_steps, bool by_priority);
  void TraceTo(std::string* trace) { trace_ = trace; }

  bool failed() const { return failed_; }
  const std::string& failure() const { return failure_; }
  int steps() const { return steps_; }

  // Objects of the model. Null if `state` was made outside of this execution: then it is a plain
  // variable.
  static Execution* Of(const AtomicState& state, Site site) {
    return state.execution == kPlain ? nullptr : Lookup(state.execution, site);
  }
  static Execution* Lookup(uint32_t made_in, Site site);
  uint32_t number() const { return number_; }

  void Make(AtomicState* state, uint64_t value);
  void Destroy(AtomicState* state, Site site);
  uint64_t Load(const AtomicState& state, std::memory_order order, Site site);
  void Store(const AtomicState& state, uint64_t value, std::memory_order order, Site site);
  // A read-modify-write is two calls with no switch between: the latest value; then its new one, or
  // that it is kept.
  uint64_t BeginRmw(const AtomicState& state, Site site);
  void FinishRmw(const AtomicState& state, uint64_t value, std::memory_order order, Site site,
                 const char* name);
  void FinishFailed(const AtomicState& state, std::memory_order order, Site site);
  bool FailSpuriously();

  // Threads.
  int Spawn(void (*run)(void*), void* arg);
  void Join(int thread, Site site);
  void SpinHint(Site site);
  void Point(Site site);
  // The running thread waits until Unblock(object); false: it gave up (timed waits only).
  bool Block(WaitFor what, const void* object, bool timed, Site site);
  // Makes at most `most` threads that wait for the object runnable; gives their number.
  int Unblock(WaitFor what, const void* object, int most);
  // One of `alternatives`; at random, `odds` to 1 against anything but the first.
  int Choose(int alternatives, int odds);

  int thread() const { return current_; }
  Clock& clock() { return threads_[current_].clock; }
  uint32_t now() { return clock().at[current_]; }
  void Tick() { ++clock().at[current_]; }
  void NoteWrite();  // something changed: spinners may look again

  void Trace(Site site, const std::string& text);
  bool tracing() const { return trace_ != nullptr; }

  [[noreturn]] void FailHere(const std::string& sentence);

 private:
  static void FiberMain(void* arg);

  Location& Access(const AtomicState& state, Site site);
  uint32_t ChooseStore(Location& location, bool seq_cst);
  StoredValue& Push(Location& location, uint64_t value);

  void Start(int thread, void (*run)(void*), void* arg);
  void SwitchTo(int thread);
  [[noreturn]] void Leave();  // to the explorer: the execution is over
  [[noreturn]] void EndThread();
  void RunAnother();  // the running thread can not go on
  void CountStep();
  bool FireTimeout();
  [[noreturn]] void ReportStuck();
  bool Runs(int thread) const { return threads_[thread].status == Status::kRunnable; }
  bool TryFinish();
  int Others(bool spinning, int* candidates) const;
  int ChooseThread(const int* candidates, int count, bool first_is_current);
  int RandomThread(const int* candidates, int count, bool first_is_current);
  uint64_t NextRandom();
  std::string Describe(int thread) const;

  static thread_local Execution* current_execution_;

  const Options& options_;
  Path path_;
  Fiber explorer_;
  std::unique_ptr<ModelThread[]> threads_;
  int thread_count_ = 0;
  int current_ = 0;
  int frozen_ = -1;
  uint32_t number_ = 0;
  std::vector<std::unique_ptr<Location>> locations_;
  uint32_t location_count_ = 0;
  Bounds left_{};
  int steps_ = 0;
  bool failed_ = false;
  std::string failure_;
  std::string* trace_ = nullptr;

  // Random schedules.
  bool random_ = false;
  uint64_t random_state_ = 1;
  bool by_priority_ = false;
  int expected_steps_ = 1;
  uint64_t lowest_priority_ = 0;
};

}  // namespace kioto::model::internal

#endif  // KIOTO_RUNTIME_BASE_MODEL_EXECUTION_H_
