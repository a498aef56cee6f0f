// What a seeker is: any class that reads or writes somewhere, and has
//
//   Poll<StatusOr<uint64_t>> PollSeek(Context& cx, SeekFrom to);
//
// RULES  Ready with n: the next byte read or written is n bytes behind the start. Pending: to be polled again with the same
//        `to`. Error: nothing has moved. Behind the end is a place too.
//
// SeekerRef is a reference to any seeker, in two words (see ReaderRef).
//
//   io::Seek(file, SeekFrom::End(-128))      // the futures borrow the seeker
#ifndef KIOTO_RUNTIME_IO_SEEK_H_
#define KIOTO_RUNTIME_IO_SEEK_H_

#include <cstdint>
#include <type_traits>
#include <utility>

#include "kioto/runtime/base/status.h"
#include "kioto/runtime/future/future_base.h"

namespace kioto::io {

class SeekFrom {
 public:
  enum class Base { kStart, kEnd, kCurrent };

  static constexpr SeekFrom Start(uint64_t offset) { return SeekFrom(Base::kStart, static_cast<int64_t>(offset)); }
  static constexpr SeekFrom End(int64_t offset) { return SeekFrom(Base::kEnd, offset); }
  static constexpr SeekFrom Current(int64_t offset) { return SeekFrom(Base::kCurrent, offset); }

  constexpr Base base() const { return base_; }
  constexpr int64_t offset() const { return offset_; }

  // The place meant, for a seeker that knows where it is and where it ends. kInvalidArgument for one before the start, or
  // beyond what is countable.
  StatusOr<uint64_t> Resolve(uint64_t position, uint64_t end) const;

 private:
  constexpr SeekFrom(Base base, int64_t offset) : base_(base), offset_(offset) {}

  Base base_;
  int64_t offset_;
};

namespace internal {

template <class S, class = void>
struct IsSeekerImpl : std::false_type {};
template <class S>
struct IsSeekerImpl<S, std::void_t<decltype(std::declval<S&>().PollSeek(std::declval<Context&>(), std::declval<SeekFrom>()))>>
    : std::is_same<decltype(std::declval<S&>().PollSeek(std::declval<Context&>(), std::declval<SeekFrom>())),
                   Poll<StatusOr<uint64_t>>> {};

}  // namespace internal

// Whether S (no reference) is a seeker.
template <class S>
inline constexpr bool IsSeeker = internal::IsSeekerImpl<S>::value;

class SeekerRef {
 public:
  template <class S, std::enable_if_t<IsSeeker<S> && !std::is_same_v<S, SeekerRef> && !std::is_const_v<S>, int> = 0>
  SeekerRef(S& seeker)  // NOLINT: a reference to it
      : object_(&seeker),
        seek_([](void* object, Context& cx, SeekFrom to) { return static_cast<S*>(object)->PollSeek(cx, to); }) {}

  Poll<StatusOr<uint64_t>> PollSeek(Context& cx, SeekFrom to) const { return seek_(object_, cx, to); }

 private:
  void* object_;
  Poll<StatusOr<uint64_t>> (*seek_)(void*, Context&, SeekFrom);
};

class [[nodiscard]] SeekFuture : public FutureBase<SeekFuture, StatusOr<uint64_t>> {
 public:
  SeekFuture(SeekerRef seeker, SeekFrom to) : seeker_(seeker), to_(to) {}
  Poll<StatusOr<uint64_t>> PollOnce(Context& cx) { return seeker_.PollSeek(cx, to_); }
  void Describe(WaitTrace& trace) const { trace.Leaf("Seek"); }

 private:
  SeekerRef seeker_;
  SeekFrom to_;
};

// Moves to `to`; gives where that is, from the start. CANCEL SAFE: loses place (it may have moved, or not).
inline SeekFuture Seek(SeekerRef seeker, SeekFrom to) { return SeekFuture(seeker, to); }
// To the start. CANCEL SAFE: loses place.
inline SeekFuture Rewind(SeekerRef seeker) { return SeekFuture(seeker, SeekFrom::Start(0)); }
// Where it is. A buffered reader or writer drops or writes out its buffer, as for any seek. CANCEL SAFE: loses place (a
// buffered reader over a file that is still to seek gives bytes again).
inline SeekFuture Position(SeekerRef seeker) { return SeekFuture(seeker, SeekFrom::Current(0)); }

}  // namespace kioto::io

#endif  // KIOTO_RUNTIME_IO_SEEK_H_
