// stream.Collect<C>(): all items in a C. What C may be:
//
//   with push_back, insert or push     std::vector, std::deque, std::list, sets, maps (of pairs), std::priority_queue …
//   std::string                        of characters and of whatever append takes
//   Unit                               the items are dropped
//   StatusOr<one of these>             of a stream of StatusOr: the first error ends it, and is given
//
// CANCEL SAFE: loses data: what was collected. As large as the stream is long.
#ifndef KIOTO_RUNTIME_FUTURE_STREAM_COLLECT_H_
#define KIOTO_RUNTIME_FUTURE_STREAM_COLLECT_H_

#include <algorithm>
#include <cstddef>
#include <string>
#include <type_traits>
#include <utility>

#include "kioto/runtime/base/status.h"
#include "kioto/runtime/future/future_base.h"
#include "kioto/runtime/future/internal/round.h"
#include "kioto/runtime/future/internal/unify.h"
#include "kioto/runtime/future/stream/stream_base.h"

namespace kioto {
namespace internal {

enum class Adding : unsigned char { kNot, kDrop, kChar, kAppend, kPushBack, kInsert, kPush };

template <class C, class T, class = void>
inline constexpr bool kPushesBack = false;
template <class C, class T>
inline constexpr bool kPushesBack<C, T, std::void_t<decltype(std::declval<C&>().push_back(std::declval<T>()))>> = true;
template <class C, class T, class = void>
inline constexpr bool kInserts = false;
template <class C, class T>
inline constexpr bool kInserts<C, T, std::void_t<decltype(std::declval<C&>().insert(std::declval<T>()))>> = true;
template <class C, class T, class = void>
inline constexpr bool kPushes = false;
template <class C, class T>
inline constexpr bool kPushes<C, T, std::void_t<decltype(std::declval<C&>().push(std::declval<T>()))>> = true;
template <class C, class T, class = void>
inline constexpr bool kAppends = false;
template <class T>
inline constexpr bool kAppends<std::string, T, std::void_t<decltype(std::declval<std::string&>().append(std::declval<T>()))>> = true;

// How an item T gets into a C.
template <class C, class T>
constexpr Adding HowToAdd() {
  if constexpr (kIsUnit<C>) {
    return Adding::kDrop;
  } else if constexpr (kAppends<C, T>) {
    return Adding::kAppend;
  } else if constexpr (std::is_same_v<C, std::string> && !std::is_same_v<T, char>) {
    return Adding::kNot;  // push_back would take a number for a character
  } else if constexpr (kPushesBack<C, T>) {
    return Adding::kPushBack;
  } else if constexpr (kInserts<C, T>) {
    return Adding::kInsert;
  } else {
    return kPushes<C, T> ? Adding::kPush : Adding::kNot;
  }
}

template <class C, class T>
void AddTo(C& container, T&& item) {
  constexpr Adding how = HowToAdd<C, T>();
  if constexpr (how == Adding::kAppend) container.append(std::move(item));
  if constexpr (how == Adding::kPushBack) container.push_back(std::move(item));
  if constexpr (how == Adding::kInsert) container.insert(std::move(item));
  if constexpr (how == Adding::kPush) container.push(std::move(item));
  if constexpr (how == Adding::kDrop) static_cast<void>(item);
}

template <class C, class = void>
inline constexpr bool kReserves = false;
template <class C>
inline constexpr bool kReserves<C, std::void_t<decltype(std::declval<C&>().reserve(size_t{}))>> = true;

template <class S, class C>
class [[nodiscard]] CollectFuture : public FutureBase<CollectFuture<S, C>, C> {
  static constexpr bool kUntilError = kIsStatusOr<C>;
  using Container = ValueOf<C>;

 public:
  static constexpr bool kLocal = IsLocalFuture<S>;
  static constexpr bool kLosesData = true;

  explicit CollectFuture(S&& source) : source_(std::move(source)) {}

  Poll<C> PollOnce(Context& cx) {
    for (;;) {
      RoundBudget budget(cx);
      auto item = source_.PollNext(cx);
      if (item.pending()) return kPending;
      if (!item->has_value()) return C(std::move(container_));
      if constexpr (kUntilError) {
        if (!(*item)->ok()) return C(std::move(**item).status());
        Add(*std::move(**item));
      } else {
        Add(std::move(**item));
      }
      if (!budget.MayGoOn()) return kPending;
    }
  }
  void Describe(WaitTrace& trace) const { trace.Node("Collect", source_); }

 private:
  static constexpr size_t kMostRoomAhead = 1024;

  template <class U>
  void Add(U&& item) {
    if constexpr (kReserves<Container> && !std::is_same_v<Container, std::string>) {
      if (container_.empty()) {
        const size_t more = SizeHintOf(source_).lower;
        container_.reserve(std::min(more, kMostRoomAhead) + 1);
      }
    }
    AddTo<Container, U>(container_, std::move(item));
  }

  S source_;
  Container container_{};
};

// Whether items T go into a C; its sentences.
template <class C, class T>
constexpr bool Collects() {
  if constexpr (kAnyPoison<C, T>) {
    return false;
  } else if constexpr (kIsStatusOr<C>) {
    static_assert(kIsStatusOr<T>, "kioto: Collect<StatusOr<C>> is for a stream of StatusOr; the items of this one are values: Collect<C>");
    if constexpr (kIsStatusOr<T>) {
      return Collects<ValueOf<C>, ValueOf<T>>();
    } else {
      return false;
    }
  } else {
    constexpr bool adds = HowToAdd<C, T>() != Adding::kNot;
    static_assert(adds, "kioto: Collect<C> adds each item to a C by push_back, insert or push, to a std::string by append: this C has none for it");
    return adds;
  }
}

}  // namespace internal

template <class Self, class T>
template <class C>
auto StreamBase<Self, T>::Collect() && {
  if constexpr (internal::Collects<C, T>()) {
    return internal::CollectFuture<Self, C>(self());
  } else {
    return internal::Poison{};
  }
}

}  // namespace kioto

#endif  // KIOTO_RUNTIME_FUTURE_STREAM_COLLECT_H_
