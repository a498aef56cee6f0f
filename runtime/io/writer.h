// What a writer is: any class with
//
//   Poll<StatusOr<size_t>> PollWrite(Context& cx, absl::string_view bytes);
//
// and, where it has more to say,
//
//   Poll<StatusOr<size_t>> PollWriteVectored(Context& cx, absl::Span<const absl::string_view> pieces);  // else: one piece
//   Poll<Status> PollFlush(Context& cx);      // all bytes have reached their destination; else: there is nothing to flush
//   Poll<Status> PollShutdown(Context& cx);   // flushed, and no byte will follow; else: as PollFlush
//
// RULES  Ready with n: the first n bytes were taken. 0: `bytes` was empty, or the writer will never take more. A part that
//        was taken is reported as such; the error, if any, comes with the next call. Pending and error: nothing was taken.
//
// WriterRef is a reference to any writer, in two words (see ReaderRef).
#ifndef KIOTO_RUNTIME_IO_WRITER_H_
#define KIOTO_RUNTIME_IO_WRITER_H_

#include <cstddef>
#include <type_traits>
#include <utility>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "kioto/runtime/base/status.h"
#include "kioto/runtime/future/context.h"
#include "kioto/runtime/future/internal/borrow.h"
#include "kioto/runtime/future/poll.h"
#include "kioto/runtime/future/wait_trace.h"
#include "kioto/runtime/io/splice_end.h"

namespace kioto::io {

using Pieces = absl::Span<const absl::string_view>;

namespace internal {

template <class W, class = void>
struct IsWriterImpl : std::false_type {};
template <class W>
struct IsWriterImpl<W, std::void_t<decltype(std::declval<W&>().PollWrite(std::declval<Context&>(), absl::string_view()))>>
    : std::is_same<decltype(std::declval<W&>().PollWrite(std::declval<Context&>(), absl::string_view())),
                   Poll<StatusOr<size_t>>> {};

template <class W, class = void>
struct HasVectored : std::false_type {};
template <class W>
struct HasVectored<W, std::void_t<decltype(std::declval<W&>().PollWriteVectored(std::declval<Context&>(), Pieces()))>>
    : std::true_type {};

template <class W, class = void>
struct HasFlush : std::false_type {};
template <class W>
struct HasFlush<W, std::void_t<decltype(std::declval<W&>().PollFlush(std::declval<Context&>()))>> : std::true_type {};

template <class W, class = void>
struct HasShutdown : std::false_type {};
template <class W>
struct HasShutdown<W, std::void_t<decltype(std::declval<W&>().PollShutdown(std::declval<Context&>()))>> : std::true_type {};

struct WriterOps {
  Poll<StatusOr<size_t>> (*write)(void*, Context&, absl::string_view);
  Poll<StatusOr<size_t>> (*write_vectored)(void*, Context&, Pieces);
  Poll<Status> (*flush)(void*, Context&);
  Poll<Status> (*shutdown)(void*, Context&);
  kioto::internal::IoHandle* (*splice_handle)(void*);
  void (*describe)(const void*, WaitTrace&);
};

template <class W>
struct WriterOpsOf {
  static Poll<StatusOr<size_t>> Write(void* w, Context& cx, absl::string_view bytes) {
    return static_cast<W*>(w)->PollWrite(cx, bytes);
  }
  static Poll<StatusOr<size_t>> WriteVectored(void* w, Context& cx, Pieces pieces) {
    if constexpr (HasVectored<W>::value) {
      return static_cast<W*>(w)->PollWriteVectored(cx, pieces);
    } else {
      for (absl::string_view piece : pieces) {
        if (!piece.empty()) return static_cast<W*>(w)->PollWrite(cx, piece);
      }
      return StatusOr<size_t>(0);
    }
  }
  static Poll<Status> Flush(void* w, Context& cx) {
    if constexpr (HasFlush<W>::value) return static_cast<W*>(w)->PollFlush(cx);
    return OkStatus();
  }
  static Poll<Status> Shutdown(void* w, Context& cx) {
    if constexpr (HasShutdown<W>::value) return static_cast<W*>(w)->PollShutdown(cx);
    return Flush(w, cx);
  }
  static kioto::internal::IoHandle* SpliceHandle(void* w) { return SpliceHandleOf(*static_cast<W*>(w)); }
  static void Describe(const void* w, WaitTrace& trace) { trace.Child(*static_cast<const W*>(w)); }
  static constexpr WriterOps kOps = {&Write, &WriteVectored, &Flush, &Shutdown, &SpliceHandle, &Describe};
};

}  // namespace internal

// Whether W (no reference) is a writer.
template <class W>
inline constexpr bool IsWriter = internal::IsWriterImpl<W>::value;

class WriterRef {
 public:
  template <class W, std::enable_if_t<IsWriter<W> && !std::is_same_v<W, WriterRef> && !std::is_const_v<W>, int> = 0>
  WriterRef(W& writer) : object_(&writer), ops_(&internal::WriterOpsOf<W>::kOps) {}  // NOLINT: a reference to it

  Poll<StatusOr<size_t>> PollWrite(Context& cx, absl::string_view bytes) const {
    kioto::internal::CheckBorrow(cx, object_);
    return ops_->write(object_, cx, bytes);
  }
  Poll<StatusOr<size_t>> PollWriteVectored(Context& cx, Pieces pieces) const {
    return ops_->write_vectored(object_, cx, pieces);
  }
  Poll<Status> PollFlush(Context& cx) const { return ops_->flush(object_, cx); }
  Poll<Status> PollShutdown(Context& cx) const { return ops_->shutdown(object_, cx); }
  // What it splices by; null if it does not. For io::Copy.
  kioto::internal::IoHandle* splice_handle() const { return ops_->splice_handle(object_); }
  void Describe(WaitTrace& trace) const { ops_->describe(object_, trace); }

 private:
  void* object_;
  const internal::WriterOps* ops_;
};

}  // namespace kioto::io

#endif  // KIOTO_RUNTIME_IO_WRITER_H_
