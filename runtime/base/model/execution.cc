#include "kioto/runtime/base/model/execution.h"

#include <cstdio>
#include <cstdlib>
#include <utility>

#include "kioto/runtime/base/model/heap.h"

namespace kioto::model::internal {

thread_local Execution* Execution::current_execution_ = nullptr;

namespace {

// Never the same twice, so that an object left over from an execution that ended is known as such.
uint32_t NextExecutionNumber() {
  static uint32_t number = 0;
  return ++number < kDestroyed ? number : number = 1;
}

}  // namespace

std::string At(Site site) {
  const char* file = site.file;
  for (const char* p = site.file; *p != 0; ++p) {
    if (*p == '/') file = p + 1;
  }
  return std::string(file) + ":" + std::to_string(site.line);
}

void Fail(const std::string& sentence) {
  HeapOff off;
  if (Execution* execution = Execution::Current()) execution->FailHere(sentence);
  std::fprintf(stderr, "kioto: %s\n", sentence.c_str());
  std::abort();
}

void Fail(const std::string& sentence, Site site) {
  HeapOff off;
  Fail(sentence + " (at " + At(site) + ")");
}

Execution::Execution(const Options& options)
    : options_(options), threads_(new ModelThread[kMaxThreads]) {}

Execution::~Execution() = default;

void Execution::Run(void (*run)(void*), void* arg, const Bounds& bounds, bool check_leaks) {
  path_.Rewind();
  left_ = bounds;
  steps_ = 0;
  failed_ = false;
  failure_.clear();
  location_count_ = 0;
  frozen_ = -1;
  number_ = NextExecutionNumber();
  for (int i = 0; i < thread_count_; ++i) threads_[i].status = Status::kUnused;
  thread_count_ = 0;
  ResetHeap();
  current_execution_ = this;
  Start(0, run, arg);
  current_ = 0;
  Fiber::Switch(explorer_, threads_[0].fiber);
  heap_on = false;
  if (check_leaks && !failed_ && frozen_ < 0) {
    if (const Leak leak = FindLeaks(); leak.blocks > 0) {
      failed_ = true;
      failure_ = std::to_string(leak.blocks) +
                 " blocks of memory were not freed; the first is allocation number " +
                 std::to_string(leak.first_number) + ", of " + std::to_string(leak.first_size) +
                 " bytes";
    }
  }
  current_execution_ = nullptr;
}

void Execution::Start(int thread, void (*run)(void*), void* arg) {
  ModelThread& t = threads_[thread];
  t.clock = thread == 0 ? Clock() : threads_[current_].clock;
  t.clock.at[thread] = 1;
  t.status = Status::kRunnable;
  t.wait_for = WaitFor::kNothing;
  t.spinning = t.timed = t.timed_out = t.chosen = t.joined = false;
  t.starter = -1;
  t.site = Site();
  t.run = run;
  t.arg = arg;
  if (random_) {
    t.priority = (uint64_t{1} << 32) + (NextRandom() >> 33);
  }
  ++thread_count_;
  t.fiber.Prepare(&FiberMain, this);
}

void Execution::FiberMain(void* arg) {
  Execution* self = static_cast<Execution*>(arg);
  ModelThread& me = self->threads_[self->current_];
  heap_on = true;
  me.run(me.arg);
  heap_on = false;
  self->EndThread();
}

int Execution::Spawn(void (*run)(void*), void* arg) {
  HeapOff off;
  if (thread_count_ == kMaxThreads) Fail("a model may have 6 threads, its body included");
  const int thread = thread_count_;
  if (tracing()) Trace(threads_[current_].site, "starts T" + std::to_string(thread));
  Start(thread, run, arg);
  Tick();
  threads_[thread].starter = current_;
  SwitchTo(thread);  // comes back from its first point
  return thread;
}

void Execution::EndThread() {
  threads_[current_].status = Status::kDone;
  if (tracing()) Trace(threads_[current_].site, "ends");
  for (int i = 0; i < thread_count_; ++i) {
    ModelThread& t = threads_[i];
    if (t.status != Status::kBlocked || t.wait_for != WaitFor::kJoin ||
        t.wait_object != &threads_[current_])
      continue;
    t.status = Status::kRunnable;
    t.joined = true;
    if (threads_[current_].starter < 0) SwitchTo(i);  // to its next point, which asks who goes on
  }
  RunAnother();
  std::abort();  // a thread that has ended is not run again
}

void Execution::Join(int thread, Site site) {
  HeapOff off;
  threads_[current_].site = site;
  if (threads_[thread].status != Status::kDone) {
    if (tracing()) Trace(site, "waits for the end of T" + std::to_string(thread));
    Block(WaitFor::kJoin, &threads_[thread], false, site);
  }
  clock().Join(threads_[thread].clock);
  Tick();
}

void Execution::SwitchTo(int thread) {
  if (thread == current_) return;
  Fiber& from = threads_[current_].fiber;
  current_ = thread;
  Fiber::Switch(from, threads_[thread].fiber);
}

void Execution::Leave() {
  Fiber::Switch(threads_[current_].fiber, explorer_);
  std::abort();  // what has ended is not continued
}

void Execution::FailHere(const std::string& sentence) {
  if (!failed_) {
    failed_ = true;
    failure_ = "T" + std::to_string(current_) + ": " + sentence;
    if (frozen_ >= 0) failure_ += " [" + Describe(frozen_) + "]";
  }
  if (tracing()) Trace(threads_[current_].site, "FAILS: " + sentence);
  Leave();
}

std::string Execution::Describe(int thread) const {
  const ModelThread& t = threads_[thread];
  std::string text = "T" + std::to_string(thread);
  switch (t.status) {
    case Status::kFrozen:
      text += " is stopped for ever after ";
      break;
    case Status::kBlocked:
      text += t.wait_for == WaitFor::kJoin    ? " joins another thread at "
              : t.wait_for == WaitFor::kMutex ? " waits for a mutex at "
                                              : " is parked at ";
      break;
    default:
      text += t.spinning ? " spins at " : " is at ";
  }
  return text + At(t.site);
}

void Execution::Trace(Site site, const std::string& text) {
  HeapOff off;
  if (trace_ == nullptr) return;
  *trace_ += "  T" + std::to_string(current_) + "  " + At(site);
  trace_->append(At(site).size() < 26 ? 26 - At(site).size() : 1, ' ');
  *trace_ += text + "\n";
}

// Choices.

uint64_t Execution::NextRandom() {  // xorshift64*, Vigna 2016
  random_state_ ^= random_state_ >> 12;
  random_state_ ^= random_state_ << 25;
  random_state_ ^= random_state_ >> 27;
  return random_state_ * 0x2545f4914f6cdd1du;
}

void Execution::Randomize(uint64_t seed, int expected_steps, bool by_priority) {
  random_ = true;
  random_state_ = seed != 0 ? seed : 1;
  expected_steps_ = expected_steps < 1 ? 1 : expected_steps;
  for (int i = 0; i < 4; ++i) NextRandom();
  // Half of them switch by chance; the other half run the thread of the highest priority, which
  // falls at a few points of an execution: that meets a bug of depth d with a probability that does
  // not shrink with the threads' length.
  by_priority_ = by_priority;
  lowest_priority_ = uint64_t{1} << 31;
}

int Execution::Choose(int alternatives, int odds) {
  if (alternatives == 1) return 0;
  if (path_.replaying()) {
    const int choice = path_.Next(alternatives);
    if (choice < 0) Fail("the model is not deterministic (or the schedule belongs to another one)");
    return choice;
  }
  int choice = 0;
  if (random_ && NextRandom() % static_cast<uint64_t>(odds + 1) == 0) {
    choice = 1 + static_cast<int>((NextRandom() >> 33) % static_cast<uint64_t>(alternatives - 1));
  }
  path_.Append(alternatives, choice);
  return choice;
}

int Execution::ChooseThread(const int* candidates, int count, bool first_is_current) {
  if (!random_ || count == 1 || path_.replaying()) return candidates[Choose(count, 1)];
  const int choice = RandomThread(candidates, count, first_is_current);
  path_.Append(count, choice);
  return candidates[choice];
}

int Execution::RandomThread(const int* candidates, int count, bool first_is_current) {
  if (!by_priority_) {
    if (first_is_current && (NextRandom() >> 40) % 3 != 0) return 0;
    return static_cast<int>((NextRandom() >> 33) % static_cast<uint64_t>(count));
  }
  constexpr int kChanges = 3;  // of priority in an execution, on average
  if ((NextRandom() >> 33) % static_cast<uint64_t>(expected_steps_) < kChanges) {
    threads_[current_].priority = --lowest_priority_;
  }
  int best = 0;
  for (int i = 1; i < count; ++i) {
    if (threads_[candidates[i]].priority > threads_[candidates[best]].priority) best = i;
  }
  return best;
}

// The scheduler.

int Execution::Others(bool spinning, int* candidates) const {
  int count = 0;
  for (int i = 1; i <= thread_count_; ++i) {
    const int thread = (current_ + i) % thread_count_;
    if (thread != current_ && Runs(thread) && threads_[thread].spinning == spinning)
      candidates[count++] = thread;
  }
  return count;
}

void Execution::CountStep() {
  if (++steps_ <= options_.max_steps) return;
  Fail(frozen_ >= 0 ? "does not come to an end while another thread is stopped"
                    : "does not come to an end: a livelock, or too few Steps");
}

void Execution::Point(Site site) {
  ModelThread& me = threads_[current_];
  me.site = site;
  CountStep();
  if (me.starter >= 0) {
    SwitchTo(std::exchange(me.starter, -1));
    me.chosen = true;
  }
  if (options_.freeze && frozen_ < 0 && current_ != 0 && Choose(2, expected_steps_) == 1) {
    frozen_ = current_;
    me.status = Status::kFrozen;
    if (tracing()) Trace(site, "is stopped for ever before this");
    RunAnother();
  }
  // Chosen to run next while it was elsewhere: this is what it was chosen for.
  if (std::exchange(me.chosen, false)) return;
  const bool free = std::exchange(me.joined, false);
  if (!free && left_.preemptions == 0) return;
  int candidates[kMaxThreads];
  candidates[0] = current_;
  const int count = 1 + Others(false, candidates + 1);
  if (count == 1) return;
  const int next = ChooseThread(candidates, count, !free);
  if (next == current_) return;
  if (!free) --left_.preemptions;
  if (tracing()) Trace(site, "is preempted before this");
  SwitchTo(next);
}

void Execution::RunAnother() {
  // It has not come to its first point: no choice was due yet.
  if (const int starter = std::exchange(threads_[current_].starter, -1); starter >= 0)
    return SwitchTo(starter);
  int candidates[kMaxThreads];
  int count = Others(false, candidates);
  if (Runs(current_) && !threads_[current_].spinning) candidates[count++] = current_;
  if (count == 0) {
    // Only spinners are left: each has its turn.
    count = Others(true, candidates);
    if (Runs(current_)) candidates[count++] = current_;
    if (count > 0) {
      for (int i = 0; i < count; ++i) threads_[candidates[i]].spinning = false;
      return SwitchTo(candidates[0]);
    }
    if (FireTimeout()) return RunAnother();
    if (TryFinish()) Leave();
    ReportStuck();
  }
  SwitchTo(ChooseThread(candidates, count, false));
}

bool Execution::TryFinish() {
  for (int i = 0; i < thread_count_; ++i) {
    const ModelThread& t = threads_[i];
    const bool joins = frozen_ >= 0 && t.status == Status::kBlocked && t.wait_for == WaitFor::kJoin;
    if (t.status != Status::kDone && t.status != Status::kFrozen && !joins) return false;
  }
  return true;
}

void Execution::ReportStuck() {
  std::string text =
      frozen_ >= 0 ? "the others can not go on while one thread is stopped:" : "deadlock:";
  for (int i = 0; i < thread_count_; ++i) {
    if (threads_[i].status != Status::kDone) text += " " + Describe(i) + ";";
  }
  text.pop_back();
  Fail(text);
}

bool Execution::FireTimeout() {
  int candidates[kMaxThreads];
  int count = 0;
  for (int i = 0; i < thread_count_; ++i) {
    if (threads_[i].status == Status::kBlocked && threads_[i].timed) candidates[count++] = i;
  }
  if (count == 0) return false;
  ModelThread& t = threads_[candidates[Choose(count, 1)]];
  t.timed_out = true;
  t.status = Status::kRunnable;
  return true;
}

bool Execution::Block(WaitFor what, const void* object, bool timed, Site site) {
  ModelThread& me = threads_[current_];
  me.site = site;
  if (timed && left_.preemptions > 0 && Choose(2, 3) == 1) {
    --left_.preemptions;
    if (tracing()) Trace(site, "has waited long enough");
    return false;
  }
  me.status = Status::kBlocked;
  me.wait_for = what;
  me.wait_object = object;
  me.timed = timed;
  me.timed_out = false;
  RunAnother();
  me.timed = false;
  me.wait_for = WaitFor::kNothing;
  me.chosen = what == WaitFor::kFutex;
  if (me.timed_out && tracing()) Trace(site, "has waited long enough");
  return !me.timed_out;
}

int Execution::Unblock(WaitFor what, const void* object, int most) {
  int woken = 0;
  while (woken < most) {
    int candidates[kMaxThreads];
    int count = 0;
    for (int i = 0; i < thread_count_; ++i) {
      const ModelThread& t = threads_[i];
      if (t.status == Status::kBlocked && t.wait_for == what && t.wait_object == object)
        candidates[count++] = i;
    }
    if (count == 0) break;
    const int chosen = count <= most - woken ? candidates[0] : candidates[Choose(count, 1)];
    threads_[chosen].status = Status::kRunnable;
    if (tracing()) Trace(threads_[current_].site, "lets T" + std::to_string(chosen) + " go on");
    ++woken;
  }
  return woken;
}

void Execution::NoteWrite() {
  for (int i = 0; i < thread_count_; ++i) {
    if (i != current_) threads_[i].spinning = false;
  }
}

void Execution::SpinHint(Site site) {
  HeapOff off;
  threads_[current_].site = site;
  CountStep();
  threads_[current_].spinning = true;
  if (tracing()) Trace(site, "spins");
  RunAnother();
  threads_[current_].spinning = false;
  threads_[current_].chosen = true;
}

}  // namespace kioto::model::internal
