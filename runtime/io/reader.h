// What a reader is: any class with
//
//   Poll<StatusOr<size_t>> PollRead(Context& cx, MutableBytes into);
//
// RULES  Ready with n > 0: so many bytes were put at the front of `into`. Ready with 0: the end, or `into` was empty.
//        Pending and error: nothing was read. It keeps the waker of the latest poll only.
//
// ReaderRef is a reference to any reader, in two words: what the algorithms of this folder work on, so that each of them is
// compiled once. The reader must stay where it is while a ReaderRef to it is used.
#ifndef KIOTO_RUNTIME_IO_READER_H_
#define KIOTO_RUNTIME_IO_READER_H_

#include <cstddef>
#include <type_traits>
#include <utility>

#include "kioto/runtime/base/status.h"
#include "kioto/runtime/future/context.h"
#include "kioto/runtime/future/internal/borrow.h"
#include "kioto/runtime/future/poll.h"
#include "kioto/runtime/future/wait_trace.h"
#include "kioto/runtime/io/buffer.h"
#include "kioto/runtime/io/splice_end.h"

namespace kioto::io {
namespace internal {

template <class R, class = void>
struct IsReaderImpl : std::false_type {};
template <class R>
struct IsReaderImpl<R, std::void_t<decltype(std::declval<R&>().PollRead(std::declval<Context&>(), MutableBytes()))>>
    : std::is_same<decltype(std::declval<R&>().PollRead(std::declval<Context&>(), MutableBytes())),
                   Poll<StatusOr<size_t>>> {};

}  // namespace internal

// Whether R (no reference) is a reader.
template <class R>
inline constexpr bool IsReader = internal::IsReaderImpl<R>::value;

class ReaderRef {
 public:
  template <class R, std::enable_if_t<IsReader<R> && !std::is_same_v<R, ReaderRef> && !std::is_const_v<R>, int> = 0>
  ReaderRef(R& reader)  // NOLINT: a reference to it
      : object_(&reader), ops_(&kOps<R>) {}

  Poll<StatusOr<size_t>> PollRead(Context& cx, MutableBytes into) const {
    kioto::internal::CheckBorrow(cx, object_);
    return ops_->poll_read(object_, cx, into);
  }
  // What it splices by; null if it does not. For io::Copy.
  kioto::internal::IoHandle* splice_handle() const { return ops_->splice_handle(object_); }
  void Describe(WaitTrace& trace) const { ops_->describe(object_, trace); }

 private:
  struct Ops {
    Poll<StatusOr<size_t>> (*poll_read)(void*, Context&, MutableBytes);
    kioto::internal::IoHandle* (*splice_handle)(void*);
    void (*describe)(const void*, WaitTrace&);
  };
  template <class R>
  static constexpr Ops kOps = {
      [](void* object, Context& cx, MutableBytes into) { return static_cast<R*>(object)->PollRead(cx, into); },
      [](void* object) { return internal::SpliceHandleOf(*static_cast<R*>(object)); },
      [](const void* object, WaitTrace& trace) { trace.Child(*static_cast<const R*>(object)); }};

  void* object_;
  const Ops* ops_;
};

}  // namespace kioto::io

#endif  // KIOTO_RUNTIME_IO_READER_H_
