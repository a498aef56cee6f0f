// stream.Buffered(n, fn), stream.BufferUnordered(n, fn): fn(T&) gives a future for each item, and up to n of them are at work at
// a time; the stream of their outputs.
//
//   stream::From(std::move(urls)).Buffered(8, [&](Url& url) { return Fetch(url); }).ForEach(…)
//
// Buffered gives the outputs in the order of the items: one that takes long holds up those behind it, of which no more than
// n are begun. BufferUnordered gives each when it is ready. An item lives until its future is done. Only those futures are
// polled that were woken. One block with n places is allocated, at the first poll. CANCEL SAFE: Next(): yes: what is at work goes
// on with the next poll.
#ifndef KIOTO_RUNTIME_FUTURE_STREAM_BUFFERED_H_
#define KIOTO_RUNTIME_FUTURE_STREAM_BUFFERED_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "kioto/runtime/base/check.h"
#include "kioto/runtime/future/internal/round.h"
#include "kioto/runtime/future/internal/step.h"
#include "kioto/runtime/future/internal/wide.h"
#include "kioto/runtime/future/stream/internal/in_flight.h"
#include "kioto/runtime/future/stream/stream_base.h"

namespace kioto {
namespace internal {

template <class S, class Fn>
using StepOn = Step<Fn, typename S::Item>;

// The children 0..n-1 work on items; child n is the source.
template <class S, class Fn, bool ordered>
class [[nodiscard]] BufferedStream
    : public StreamAdapter<BufferedStream<S, Fn, ordered>, S, typename StepOn<S, Fn>::Output> {
  using A = typename S::Item;
  using St = StepOn<S, Fn>;
  using Base = StreamAdapter<BufferedStream, S, typename St::Output>;

 public:
  using Item = typename Base::Item;
  static constexpr bool kLocal = IsLocalFuture<S> || IsLocalFuture<typename St::Next>;
  static constexpr bool kLosesData = LosesDataWhenDropped<S> || LosesDataWhenDropped<typename St::Next>;

  BufferedStream(S&& source, uint32_t limit, Fn&& fn) : Base(std::move(source)), limit_(limit), fn_(std::move(fn)) {
    KIOTO_CHECK(limit > 0, "Buffered and BufferUnordered need a limit of at least 1");
  }

  Poll<std::optional<Item>> PollNext(Context& cx) {
    if (!slots_) Start();
    slots_.Register(cx);
    for (;;) {
      TakeItems(cx);
      if (HasOutput()) return TakeOutput();
      WideChild* child = slots_.NextWoken(cx);
      if (child == nullptr) break;
      if (child->index() == limit_) {
        source_ready_ = true;
      } else {
        PollSlot(child->index(), cx);
      }
    }
    if (source_ended_ && at_work_ == 0) return std::optional<Item>();
    return kPending;
  }
  bool ended() const { return at_work_ == 0 && (source_ended_ || EndedOf(this->source_)); }
  SizeHint size_hint() const {
    return SizeHint::Exactly(at_work_) + (source_ended_ ? SizeHint::Exactly(0) : SizeHintOf(this->source_));
  }
  void Describe(WaitTrace& trace) const {
    const WaitTrace::Below below = trace.Node("Buffered, " + std::to_string(at_work_) + " at work");
    for (uint32_t i = 0; i < slots_.size(); ++i) slots_[i].future.Describe(trace);
    if (!source_ended_ && at_work_ < limit_) trace.Child(this->source_);
  }

 private:
  static constexpr uint32_t kNone = ~uint32_t{0};

  struct Slot {
    std::optional<A> item;
    InFlight<typename St::Next> future;
    std::optional<Item> output;  // of one that is ready and not given yet
    uint32_t next_free = kNone;  // unordered
  };

  void Start() {
    slots_.Make(limit_ + 1, limit_);
    for (uint32_t i = 0; i < limit_; ++i) {
      slots_.Emplace(i);
      if (i + 1 < limit_) slots_[i].next_free = i + 1;
    }
  }

  // Items into the places that are free, until there is an output to be given at once.
  void TakeItems(Context& cx) {
    const BorrowedWaker waker = slots_.waker(limit_);
    Context source_cx(waker.get(), cx);
    while (source_ready_ && !source_ended_ && at_work_ < limit_ && !HasOutput()) {
      RoundBudget budget(source_cx);
      auto item = this->source_.PollNext(source_cx);
      source_ready_ = item.ready();
      if (item.pending()) return;
      source_ended_ = !item->has_value();
      if (source_ended_) return;
      Begin(std::move(**item), cx);
      if (!budget.MayGoOn()) source_ready_ = false;  // in line again, behind those that were woken
    }
  }
  void Begin(A&& item, Context& cx) {
    // In order the places are a ring, those at work in one piece from `oldest_` on.
    const uint32_t i = ordered ? static_cast<uint32_t>((uint64_t{oldest_} + at_work_) % limit_) : free_;
    Slot& slot = slots_[i];
    slot.item.emplace(std::move(item));
    slot.future.Begin([&]() -> decltype(auto) { return St::Make(fn_, *slot.item); });
    if constexpr (!ordered) free_ = slot.next_free;
    ++at_work_;
    PollSlot(i, cx);
  }
  void PollSlot(uint32_t i, Context& cx) {
    Slot& slot = slots_[i];
    if (!slot.future.busy()) return;  // a wake that came late
    const BorrowedWaker waker = slots_.waker(i);
    Context child_cx(waker.get(), cx);
    auto output = slot.future.PollOnce(child_cx);
    if (output.pending()) return;
    slot.item.reset();
    slot.output.emplace(*std::move(output));
    if constexpr (!ordered) done_ = i;
  }
  bool HasOutput() const {
    if constexpr (ordered) return at_work_ > 0 && slots_[oldest_].output.has_value();
    return done_ != kNone;
  }
  std::optional<Item> TakeOutput() {
    --at_work_;
    if constexpr (ordered) {
      const uint32_t i = oldest_;
      oldest_ = i + 1 < limit_ ? i + 1 : 0;
      return std::exchange(slots_[i].output, std::nullopt);
    } else {
      Slot& slot = slots_[done_];
      slot.next_free = std::exchange(free_, std::exchange(done_, kNone));
      return std::exchange(slot.output, std::nullopt);
    }
  }

  const uint32_t limit_;
  uint32_t oldest_ = 0;    // ordered: the place whose output is given next
  uint32_t free_ = 0;      // unordered: the first free place
  uint32_t done_ = kNone;  // unordered: the place whose output is given now
  uint32_t at_work_ = 0;   // futures, and outputs that were not given
  bool source_ready_ = true;
  bool source_ended_ = false;
  Fn fn_;
  WideSlots<Slot> slots_;
};

template <bool ordered, class S, class Fn>
auto MakeBuffered(S&& source, uint32_t limit, Fn&& fn) {
  if constexpr (!kStepIsFine<Fn, typename S::Item>) {
    return PoisonStream();
  } else {
    constexpr bool async = StepOn<S, Fn>::kAsync;
    static_assert(async, "kioto: the step of Buffered and BufferUnordered returns a future; for one that computes use Map");
    if constexpr (async) {
      return BufferedStream<S, Fn, ordered>(std::move(source), limit, std::move(fn));
    } else {
      return PoisonStream();
    }
  }
}

}  // namespace internal

template <class Self, class T>
template <class Fn>
auto StreamBase<Self, T>::Buffered(uint32_t n, Fn fn) && {
  return internal::MakeBuffered</*ordered=*/true>(self(), n, std::move(fn));
}

template <class Self, class T>
template <class Fn>
auto StreamBase<Self, T>::BufferUnordered(uint32_t n, Fn fn) && {
  return internal::MakeBuffered</*ordered=*/false>(self(), n, std::move(fn));
}

}  // namespace kioto

#endif  // KIOTO_RUNTIME_FUTURE_STREAM_BUFFERED_H_
