// ForEach(source, fn): fn(item) for each item of a stream or a container, one after the other.
// ForEachConcurrent(source, n, fn): the same with up to n futures of fn at work at a time.
//
//   ForEachConcurrent(std::move(urls), 8, [&](const Url& url) { return Fetch(url).Then(…); })
//
// Gives Status: OK at the end of the source. fn is a step: it returns nothing, a Status, Break() to end with OK,
// or a future of those; the first error ends the whole and drops what is at work. The item lives until the future that fn
// returned is done. Of a stream of StatusOr<T>, fn gets the T (T& or T&&) and an error of the source ends the whole, unless
// fn says that it takes the StatusOr.
// The source is taken over, as an rvalue: nothing is copied behind one's back; a stream that is kept elsewhere is
// ByRef(stream). A container's items are moved out of it. CANCEL SAFE: loses the items at work and, for a container, the rest. (Select
// asks for LosesData only if the source or a future of fn does: an item that is given up is what a drop means.)
#ifndef KIOTO_RUNTIME_FUTURE_FOR_EACH_H_
#define KIOTO_RUNTIME_FUTURE_FOR_EACH_H_

#include <cstdint>
#include <new>
#include <optional>
#include <utility>

#include "kioto/runtime/base/check.h"
#include "kioto/runtime/base/status.h"
#include "kioto/runtime/future/future_base.h"
#include "kioto/runtime/future/internal/items.h"
#include "kioto/runtime/future/internal/pin.h"
#include "kioto/runtime/future/internal/round.h"
#include "kioto/runtime/future/internal/step.h"
#include "kioto/runtime/future/internal/wide.h"
#include "kioto/runtime/future/stream.h"

namespace kioto {
namespace internal {

// An item and the future that works on it, in a place that does not move.
template <class S, class Fn>
class ItemSlot {
  using A = ItemArgument<S, Fn>;
  using St = Step<Fn, A>;
  using Next = typename St::Next;

 public:
  using Round = typename St::Output;
  uint32_t next_free = 0;  // of ForEachConcurrent

  ItemSlot() {}  // NOLINT: the unions need it
  ItemSlot(const ItemSlot&) = delete;
  ItemSlot& operator=(const ItemSlot&) = delete;
  ~ItemSlot() { End(); }

  bool busy() const { return stage_ == Stage::kNext; }
  void Begin(Fn& fn, A&& item) {
    ::new (&item_) A(std::move(item));
    stage_ = Stage::kItem;
    ::new (&next_) Next(St::Make(fn, item_));
    stage_ = Stage::kNext;
  }
  Poll<Round> PollOnce(Context& cx) {
    auto polled = PollChild(next_, cx);
    if (polled.ready()) End();
    return polled;
  }
  void Describe(WaitTrace& trace) const {
    if (busy()) trace.Child(next_);
  }

 private:
  enum class Stage : uint8_t { kFree, kItem, kNext };

  void End() {
    if (stage_ == Stage::kNext) {
      stage_ = Stage::kItem;
      next_.~Next();
    }
    if (stage_ == Stage::kItem) {
      stage_ = Stage::kFree;
      item_.~A();
    }
  }

  Stage stage_ = Stage::kFree;
  union {
    A item_;
  };
  union {
    Next next_;
  };
};

template <class S, class Fn>
class [[nodiscard]] ForEachFuture : public FutureBase<ForEachFuture<S, Fn>, Status> {
  using A = ItemArgument<S, Fn>;
  using St = Step<Fn, A>;

 public:
  static constexpr bool kLocal = IsLocalFuture<S> || IsLocalFuture<typename St::Next>;
  static constexpr bool kLosesData = LosesDataWhenDropped<S> || LosesDataWhenDropped<typename St::Next>;

  ForEachFuture(S source, Fn fn) : source_(std::move(source)), fn_(std::move(fn)) {}
  ForEachFuture(ForEachFuture&& other)
      : ForEachFuture::FutureBase(std::move(other)), source_(std::move(other.source_)), fn_(std::move(other.fn_)) {}

  Poll<Status> PollOnce(Context& cx) {
    for (;;) {
      RoundBudget budget(cx);
      if (!slot_.busy()) {
        auto item = source_.PollNext(cx);
        if (item.pending()) return kPending;
        if (!item->has_value()) return OkStatus();
        if constexpr (kUnwraps<S, Fn>) {
          if (!(*item)->ok()) return std::move(**item).status();
        }
        if constexpr (St::kAsync) {
          slot_.Begin(fn_, std::move(ArgumentIn<S, Fn>(*item)));
        } else {
          auto round = St::Value(fn_, ArgumentIn<S, Fn>(*item));
          if (RoundStops(round)) return LoopResult<Status>(std::move(round));
        }
      }
      if constexpr (St::kAsync) {
        auto round = slot_.PollOnce(cx);
        if (round.pending()) return kPending;
        if (RoundStops(*round)) return LoopResult<Status>(*std::move(round));
      }
      if (!budget.MayGoOn()) return kPending;
    }
  }
  void Describe(WaitTrace& trace) const {
    if constexpr (St::kAsync) {
      if (slot_.busy()) return slot_.Describe(trace);
    }
    trace.Child(source_);
  }

 private:
  S source_;
  Fn fn_;
  ItemSlot<S, Fn> slot_;
};

// The children 0..n-1 work on items; child n is the source.
template <class S, class Fn>
class [[nodiscard]] ForEachConcurrentFuture : public FutureBase<ForEachConcurrentFuture<S, Fn>, Status> {
  using Slot = ItemSlot<S, Fn>;
  using Next = typename Step<Fn, ItemArgument<S, Fn>>::Next;

 public:
  static constexpr bool kLocal = IsLocalFuture<S> || IsLocalFuture<Next>;
  static constexpr bool kLosesData = LosesDataWhenDropped<S> || LosesDataWhenDropped<Next>;

  ForEachConcurrentFuture(S source, uint32_t limit, Fn fn) : limit_(limit), source_(std::move(source)), fn_(std::move(fn)) {}

  Poll<Status> PollOnce(Context& cx) {
    if (!slots_) Start();
    slots_.Register(cx);
    while (WideChild* child = slots_.NextWoken(cx)) {
      const uint32_t i = child->index();
      if (i == limit_) {
        source_ready_ = true;  // taken from in its turn: an item that never waits leaves no budget behind itself
        if (TakeItems(cx)) return Stop();
      } else if (slots_[i].busy()) {
        if (PollSlot(i, cx)) return Stop();
      }
    }
    if (TakeItems(cx)) return Stop();  // into the places that have become free
    if (!source_ended_ || at_work_ > 0) return kPending;
    return Stop();
  }
  void Describe(WaitTrace& trace) const {
    const WaitTrace::Below below = trace.Node("ForEachConcurrent, " + std::to_string(at_work_) + " at work");
    for (uint32_t i = 0; i < slots_.size(); ++i) slots_[i].Describe(trace);
    if (!source_ended_ && free_ != kNoSlot) trace.Child(source_);
  }

 private:
  static constexpr uint32_t kNoSlot = ~uint32_t{0};

  void Start() {
    slots_.Make(limit_ + 1, limit_);
    for (uint32_t i = limit_; i-- > 0;) {
      slots_.Emplace(i);
      Free(i);
    }
  }
  void Free(uint32_t i) {
    slots_[i].next_free = free_;
    free_ = i;
  }

  // Whether that ends the whole; result_ says how.
  bool PollSlot(uint32_t i, Context& cx) {
    const BorrowedWaker waker = slots_.waker(i);
    Context child_cx(waker.get(), cx);
    auto round = slots_[i].PollOnce(child_cx);
    if (round.pending()) return false;
    --at_work_;
    Free(i);
    if (!RoundStops(*round)) return false;
    result_ = LoopResult<Status>(*std::move(round));
    return true;
  }
  bool TakeItems(Context& cx) {
    const BorrowedWaker waker = slots_.waker(limit_);
    Context source_cx(waker.get(), cx);
    while (source_ready_ && !source_ended_ && free_ != kNoSlot) {
      RoundBudget budget(source_cx);
      if (TakeOne(source_cx, cx)) return true;
      if (source_ready_ && !budget.MayGoOn()) source_ready_ = false;  // in line again, behind those that were woken
    }
    return false;
  }
  bool TakeOne(Context& source_cx, Context& cx) {
    auto item = source_.PollNext(source_cx);
    if (item.pending()) {
      source_ready_ = false;
      return false;
    }
    if (!item->has_value()) {
      source_ended_ = true;
      return false;
    }
    if constexpr (kUnwraps<S, Fn>) {
      if (!(*item)->ok()) {
        result_ = std::move(**item).status();
        return true;
      }
    }
    const uint32_t i = free_;
    free_ = slots_[i].next_free;
    ++at_work_;
    slots_[i].Begin(fn_, std::move(ArgumentIn<S, Fn>(*item)));
    return PollSlot(i, cx);
  }
  Status Stop() {
    slots_.Reset();
    return std::move(result_);
  }

  const uint32_t limit_;
  uint32_t free_ = kNoSlot;
  uint32_t at_work_ = 0;
  bool source_ready_ = true;
  bool source_ended_ = false;
  Status result_;
  S source_;
  Fn fn_;
  WideSlots<Slot> slots_;
};

template <class S, class Fn>
auto MakeForEach(S&& source, Fn&& fn) {
  if constexpr (ItemsAreFine<S, Fn>()) {
    return ForEachFuture<StreamFrom<S>, Fn>(AsStream(std::move(source)), std::move(fn));
  } else {
    return Poison{};
  }
}

template <class S, class Fn>
auto MakeForEachConcurrent(S&& source, uint32_t limit, Fn&& fn) {
  if constexpr (ItemsAreFine<S, Fn>()) {
    using From = StreamFrom<S>;
    if constexpr (!Step<Fn, ItemArgument<From, Fn>>::kAsync) {
      return ForEachFuture<From, Fn>(AsStream(std::move(source)), std::move(fn));
    } else {
      return ForEachConcurrentFuture<From, Fn>(AsStream(std::move(source)), limit, std::move(fn));
    }
  } else {
    return Poison{};
  }
}

}  // namespace internal

template <class S, class Fn>
auto ForEach(S&& source, Fn fn) {
  return internal::MakeForEach(internal::TakeSource<S>(source), std::move(fn));
}

// `limit` is at least 1. Allocates one block with `limit` places, at the first poll.
template <class S, class Fn>
auto ForEachConcurrent(S&& source, uint32_t limit, Fn fn) {
  KIOTO_CHECK(limit > 0, "ForEachConcurrent needs a limit of at least 1");
  return internal::MakeForEachConcurrent(internal::TakeSource<S>(source), limit, std::move(fn));
}

}  // namespace kioto

#endif  // KIOTO_RUNTIME_FUTURE_FOR_EACH_H_
