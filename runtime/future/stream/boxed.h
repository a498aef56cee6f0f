// Stream<T>: any stream of T behind one type: what functions return across .cc files, and what a container can hold.
//
//   Stream<Row> Query(Text sql);      // in the .cc: return stream::From(…).Map(…);
//
// LocalStream<T> is the same for a stream that is bound to its thread; Stream<T> refuses such a one. One allocation. Movable at
// any time, even after polling: what is polled stays where it is. Empty after a move: polling it then is a checked error. It may
// not be destroyed, assigned or moved inside its own poll (checked). CANCEL SAFE: as the stream in it, of which it can not know what
// it loses. Threads: one at a time.
#ifndef KIOTO_RUNTIME_FUTURE_STREAM_BOXED_H_
#define KIOTO_RUNTIME_FUTURE_STREAM_BOXED_H_

#include <new>
#include <optional>
#include <type_traits>
#include <utility>

#include "kioto/runtime/base/check.h"
#include "kioto/runtime/future/internal/erased_memory.h"
#include "kioto/runtime/future/stream/stream_base.h"

namespace kioto {
namespace internal {

template <class T>
struct StreamVTable {
  Poll<std::optional<T>> (*poll)(void*, Context&);
  void (*destroy)(void*);
  bool (*ended)(const void*);
  SizeHint (*size_hint)(const void*);
  void (*describe)(const void*, WaitTrace&);
};

template <class S>
struct StreamVTableOf {
  using T = typename S::Item;
  static Poll<std::optional<T>> PollIt(void* memory, Context& cx) { return static_cast<S*>(memory)->PollNext(cx); }
  static void DestroyIt(void* memory) {
    static_cast<S*>(memory)->~S();
    FreeErased(memory, sizeof(S), alignof(S));
  }
  static bool Ended(const void* memory) { return EndedOf(*static_cast<const S*>(memory)); }
  static SizeHint Hint(const void* memory) { return SizeHintOf(*static_cast<const S*>(memory)); }
  [[gnu::cold]] static void DescribeIt(const void* memory, WaitTrace& trace) { trace.Child(*static_cast<const S*>(memory)); }
  static constexpr StreamVTable<T> kVTable = {&PollIt, &DestroyIt, &Ended, &Hint, &DescribeIt};
};

template <class Self, class T>
class ErasedStream : public StreamBase<Self, T> {
 public:
  ErasedStream(ErasedStream&& other) noexcept { Take(other); }
  ErasedStream& operator=(ErasedStream&& other) noexcept {
    if (this != &other) {
      Reset();
      Take(other);
    }
    return *this;
  }
  ~ErasedStream() { Reset(); }

  Poll<std::optional<T>> PollNext(Context& cx) {
    KIOTO_CHECK(memory_ != nullptr, "a Stream was polled that is empty: moved from, or never filled");
    const InPoll in_poll(in_poll_);
    return vtable_->poll(memory_, cx);
  }
  bool ended() const { return memory_ == nullptr || vtable_->ended(memory_); }
  SizeHint size_hint() const { return memory_ == nullptr ? SizeHint::Exactly(0) : vtable_->size_hint(memory_); }
  void Describe(WaitTrace& trace) const {
    if (memory_ != nullptr) vtable_->describe(memory_, trace);
  }

  // Whether there is something to poll.
  explicit operator bool() const { return memory_ != nullptr; }

 protected:
  ErasedStream() = default;
  template <class S>
  void Set(S&& stream) {
    ErasedMemory memory(sizeof(S), alignof(S));
    ::new (memory.get()) S(std::move(stream));
    memory_ = memory.Release();
    vtable_ = &StreamVTableOf<S>::kVTable;
  }
  template <class, class>
  friend class ErasedStream;
  template <class Other>
  void Take(ErasedStream<Other, T>& other) {
    KIOTO_CHECK(!other.in_poll_, "a Stream was moved inside its own poll");
    memory_ = std::exchange(other.memory_, nullptr);
    vtable_ = other.vtable_;
  }

 private:
  struct InPoll {
    explicit InPoll(bool& flag) : flag(flag) { flag = true; }
    ~InPoll() { flag = false; }
    bool& flag;
  };

  void Reset() {
    KIOTO_CHECK(!in_poll_, "a Stream was destroyed inside its own poll: let its owner drop it after the poll");
    if (memory_ != nullptr) vtable_->destroy(std::exchange(memory_, nullptr));
  }

  void* memory_ = nullptr;
  const StreamVTable<T>* vtable_ = nullptr;
  bool in_poll_ = false;
};

// What Stream<T> may be made from, and its sentences.
template <class S, class T, bool local>
constexpr bool MayEraseStream() {
  constexpr bool thread = local || !IsLocalFuture<S>;
  constexpr bool same = std::is_same_v<typename S::Item, T>;
  static_assert(thread, "kioto: this stream must stay on its thread: return it as a LocalStream<T>");
  static_assert(!thread || same || kIsPoison<typename S::Item>, "kioto: a Stream<T> is made from a stream of T: .Map() its items to T");
  return thread && same;
}

}  // namespace internal

template <class T>
class [[nodiscard]] Stream : public internal::ErasedStream<Stream<T>, T> {
 public:
  Stream() = default;
  template <class S, std::enable_if_t<IsStream<S> && !std::is_base_of_v<Stream, S>, int> = 0>
  Stream(S stream) {  // NOLINT: `return stream;`
    if constexpr (internal::MayEraseStream<S, T, false>()) this->Set(std::move(stream));
  }
};

template <class T>
class [[nodiscard]] LocalStream : public internal::ErasedStream<LocalStream<T>, T> {
 public:
  static constexpr bool kLocal = true;

  LocalStream() = default;
  LocalStream(Stream<T> stream) { this->Take(stream); }  // NOLINT: what may move may also stay
  template <class S, std::enable_if_t<IsStream<S> && !std::is_base_of_v<LocalStream, S> && !std::is_base_of_v<Stream<T>, S>, int> = 0>
  LocalStream(S stream) {  // NOLINT: `return stream;`
    if constexpr (internal::MayEraseStream<S, T, true>()) this->Set(std::move(stream));
  }
};

template <class Self, class T>
auto StreamBase<Self, T>::Boxed() && {
  if constexpr (std::is_base_of_v<Stream<T>, Self> || std::is_base_of_v<LocalStream<T>, Self>) {
    return Self(self());
  } else if constexpr (IsLocalFuture<Self>) {
    return LocalStream<T>(self());
  } else {
    return Stream<T>(self());
  }
}

}  // namespace kioto

#endif  // KIOTO_RUNTIME_FUTURE_STREAM_BOXED_H_
