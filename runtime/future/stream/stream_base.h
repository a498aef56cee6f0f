// StreamBase<Self, T>: what the streams of this folder inherit: their Item, and the adapters as members.
//
//   stream::From(std::move(jobs.receiver))                        // any stream, or a container
//       .Filter([](const Job& job) { return job.urgent; })
//       .Then([&](Job& job) { return Run(job); })                 // a future for each, one after the other
//       .Take(100)
//       .Collect<std::vector<Result>>()                           // a future
//
// Adapters consume their stream (rvalues only) and are streams; they do nothing before they are polled. Their definitions
// are in the header of each family, named below; streams.h is all of them.
//
// Like any stream, an adapter is pinned from its first poll if its source is, or while a future of its own is at work;
// .Boxed() may be moved at any time. `inner()` is its source; `std::move(s).IntoInner()` gives that back, as it stands, and
// ends the rest. `ended()` and `size_hint()`: size_hint.h. A loop over items that are always there consumes budget.
#ifndef KIOTO_RUNTIME_FUTURE_STREAM_STREAM_BASE_H_
#define KIOTO_RUNTIME_FUTURE_STREAM_STREAM_BASE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>

#include "kioto/runtime/future/future_traits.h"
#include "kioto/runtime/future/internal/poison.h"
#include "kioto/runtime/future/internal/step.h"
#include "kioto/runtime/future/stream.h"
#include "kioto/runtime/future/stream/size_hint.h"
#include "kioto/runtime/future/wait_trace.h"

namespace kioto {

template <class Self, class T>
class StreamBase {
 public:
  using Item = T;

  // --- each item: transform.h ---

  // fn(item): a value for each.
  template <class Fn>
  auto Map(Fn fn) &&;
  // fn(T&) gives a future; one at a time, in order.
  template <class Fn>
  auto Then(Fn fn) &&;
  // Those of which predicate(const T&) is true.
  template <class Predicate>
  auto Filter(Predicate predicate) &&;
  // fn(item) gives a std::optional: its values, without the nullopts; or up to the first nullopt, which is the end.
  template <class Fn>
  auto FilterMap(Fn fn) &&;
  template <class Fn>
  auto MapWhile(Fn fn) &&;
  // fn(const T&), and the item goes by.
  template <class Fn>
  auto Inspect(Fn fn) &&;

  // --- which items: limit.h ---

  // The first n; the source is not asked for more.
  auto Take(size_t n) &&;
  // Without the first n.
  auto Skip(size_t n) &&;
  // Up to the first item of which predicate(const T&) is false, which is lost; from there on.
  template <class Predicate>
  auto TakeWhile(Predicate predicate) &&;
  template <class Predicate>
  auto SkipWhile(Predicate predicate) &&;
  // Until the future is ready, which is looked at first.
  template <class F>
  auto Until(F future) &&;
  // After its first nullopt it says nullopt for ever, and asks its source no more.
  auto Fuse() &&;
  // Items of std::optional<T>: after the last one a nullopt as an item, then the end: who reads many streams as one, from a
  // StreamMap, learns which of them has ended.
  auto NotifyEnd() &&;
  // Peek() looks at the next item without taking it.
  auto Peekable() &&;

  // --- several streams: combine.h ---

  // The items of this one, then those of `next`.
  template <class S>
  auto Chain(S next) &&;
  // The items of both as they come; the one that is asked first changes with every poll.
  template <class S>
  auto Merge(S other) &&;
  // One item of each at a time, as a std::tuple, which Map, Then and ForEach hand to a step that takes both. Ends with the first
  // that ends; the item that the other has given for it is lost.
  template <class S>
  auto Zip(S other) &&;
  // fn(T&) gives a stream, or a container: the items of each, one after the other. An item lives until its stream has ended.
  template <class Fn>
  auto FlatMap(Fn fn) &&;

  // --- many items at once: chunks.h, buffered.h ---

  // Vectors of n items; the last may be shorter.
  auto Chunks(size_t n) &&;
  // fn(T&) gives a future, of which up to n are at work at a time: their outputs, in the order of the items, or as they end.
  template <class Fn>
  auto Buffered(uint32_t n, Fn fn) &&;
  template <class Fn>
  auto BufferUnordered(uint32_t n, Fn fn) &&;

  // --- a future of the whole: collect.h, fold.h ---

  // All items in a container C, or std::string; Unit drains. Of a stream of StatusOr<U>, C may be StatusOr<D>: the first
  // error ends it. As large as the stream is long: Take(n) sets a limit.
  template <class C>
  auto Collect() &&;
  // fn(accumulator, item) gives the next accumulator, or changes it in place (then it takes it by reference).
  template <class A, class Fn>
  auto Fold(A init, Fn fn) &&;
  // The same until the first error, as a StatusOr<A>: of a stream of StatusOr<U>, fn gets the U and an error of the stream ends
  // it; and fn may give a StatusOr of the accumulator, or a Status after it has changed it.
  template <class A, class Fn>
  auto TryFold(A init, Fn fn) &&;
  // Whether predicate(const T&) is true of an item, of each item; no item is taken after the one that decides.
  template <class Predicate>
  auto Any(Predicate predicate) &&;
  template <class Predicate>
  auto All(Predicate predicate) &&;
  // As the functions of these names.
  template <class Fn>
  auto ForEach(Fn fn) &&;
  template <class Fn>
  auto ForEachConcurrent(uint32_t limit, Fn fn) &&;

  // --- boxed.h ---

  // As a Stream<T> (a LocalStream<T> if it must stay on its thread): one allocation.
  auto Boxed() &&;

  // adaptor(this stream): how other packages add adapters: .Apply(Throttle(100ms)).
  template <class Adaptor>
  auto Apply(Adaptor adaptor) && {
    return adaptor(self());
  }

  // The next item as a future, nullopt at the end; borrows the stream. CANCEL SAFE: yes: nothing taken is lost.
  auto Next() & { return internal::NextFuture<Self>(static_cast<Self*>(this)); }
  // Of a stream of StatusOr<U>: StatusOr<std::optional<U>>, for AndThen. In fold.h.
  auto TryNext() &;

  // Of a stream that knows nothing of itself.
  bool ended() const { return false; }
  SizeHint size_hint() const { return SizeHint(); }

 protected:
  StreamBase() = default;
  ~StreamBase() = default;
  StreamBase(StreamBase&&) = default;
  StreamBase& operator=(StreamBase&&) = default;

  Self&& self() { return static_cast<Self&&>(*this); }
};

namespace internal {

// What an adapter gives that has refused its arguments: the rest of the chain stays silent.
class PoisonStream : public StreamBase<PoisonStream, Poison> {
 public:
  Poll<std::optional<Poison>> PollNext(Context&);
};

// What the adapters of one source share.
template <class Self, class S, class T = typename S::Item>
class StreamAdapter : public StreamBase<Self, T> {
 public:
  static constexpr bool kLocal = IsLocalFuture<S>;
  static constexpr bool kLosesData = LosesDataWhenDropped<S>;

  S& inner() { return source_; }
  const S& inner() const { return source_; }
  S IntoInner() && { return std::move(source_); }

  bool ended() const { return EndedOf(source_); }
  SizeHint size_hint() const { return SizeHintOf(source_); }
  void Describe(WaitTrace& trace) const { trace.Child(source_); }

 protected:
  explicit StreamAdapter(S&& source) : source_(std::move(source)) {}

  S source_;
};

template <class T>
inline constexpr bool kIsOptional = false;
template <class T>
inline constexpr bool kIsOptional<std::optional<T>> = true;

template <class S, class = void>
struct StreamItem {
  using type = Poison;
};
template <class S>
struct StreamItem<S, std::enable_if_t<IsStream<S>>> {
  using type = typename S::Item;
};

// Whether Fn may be called with T and returns at once; its sentences.
template <class Fn, class T>
constexpr bool Computes() {
  if constexpr (!kStepIsFine<Fn, T>) {
    return false;
  } else {
    constexpr bool async = Step<Fn, T>::kAsync;
    static_assert(!async, "kioto: this step of a stream computes a value; for one that returns a future use Then");
    return !async;
  }
}

template <class Fn, class T>
constexpr bool GivesOptional() {
  if constexpr (!Computes<Fn, T>()) {
    return false;
  } else {
    constexpr bool optional = kIsOptional<typename Step<Fn, T>::Output>;
    static_assert(optional, "kioto: the step of FilterMap and MapWhile gives a std::optional: the item, or nullopt");
    return optional;
  }
}

// Whether Fn tells true or false of a T; its sentence.
template <class Fn, class T>
constexpr bool IsPredicate() {
  constexpr bool fine = std::is_invocable_r_v<bool, Fn&, const T&>;
  static_assert(fine || kAnyPoison<Fn, T>, "kioto: the predicate of a stream is called with const T& and returns a bool");
  return fine && !kAnyPoison<Fn, T>;
}

template <class Fn, class T>
bool Holds(Fn& predicate, const T& item) {
  return static_cast<bool>(Invoke(predicate, item));
}

// Whether the S&& of a function was a stream, as an rvalue; its sentence.
template <class S>
constexpr bool IsStreamArgument() {
  constexpr bool fine = IsStream<S> && !std::is_reference_v<S>;
  static_assert(fine || kIsPoison<S>, "kioto: this adapter takes a stream, as an rvalue: std::move(stream), or ByRef(stream) for one that is kept elsewhere");
  return fine && !kAnyPoison<typename StreamItem<S>::type>;
}

// Whether S is a stream, to be put together with one of T; its sentence.
template <class S, class T>
constexpr bool IsOtherStream() {
  static_assert(IsStream<S> || kAnyPoison<S, T>,
                "kioto: Chain, Merge and Zip take a stream; a container becomes one by stream::From(std::move(container))");
  return IsStream<S> && !kAnyPoison<T, typename StreamItem<S>::type>;
}

// Whether S is a stream of T; its sentences.
template <class S, class T>
constexpr bool IsStreamOf() {
  if constexpr (!IsOtherStream<S, T>()) {
    return false;
  } else {
    constexpr bool same = std::is_same_v<typename S::Item, T>;
    static_assert(same, "kioto: both streams have the same type of item: .Map() one to that of the other");
    return same;
  }
}

}  // namespace internal
}  // namespace kioto

#endif  // KIOTO_RUNTIME_FUTURE_STREAM_STREAM_BASE_H_
