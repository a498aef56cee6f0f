// Either: one of two readers, writers, seekers or streams, decided when it is made: for two ways to a connection that nobody
// behind them need know of.
//
//   using Connection = io::Either<net::TcpStream, net::UnixStream>;
//   Connection c = local ? Connection::Left(std::move(tcp)) : Connection::Right(std::move(unix));
//
// It can what both can. Without an allocation and without a virtual call. Pinned from its first poll if what it holds is.
//
// A listener of two kinds is an Either of two streams, each mapped to a StatusOr<Connection>: stream::From(tcp.Incoming()).Map(…); its
// local_address() is asked of the listener itself, as the types differ.
#ifndef KIOTO_RUNTIME_IO_EITHER_H_
#define KIOTO_RUNTIME_IO_EITHER_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>

#include "absl/strings/string_view.h"
#include "kioto/runtime/future/future_traits.h"
#include "kioto/runtime/future/stream.h"
#include "kioto/runtime/future/stream/stream_base.h"
#include "kioto/runtime/io/reader.h"
#include "kioto/runtime/io/seek.h"
#include "kioto/runtime/io/writer.h"

namespace kioto::io {
namespace internal {

template <class R>
using FillsTo = decltype(std::declval<R&>().PollFill(std::declval<Context&>()));

template <class Self, class A, class B, bool = IsStream<A> && IsStream<B>>
struct EitherBase {};
template <class Self, class A, class B>
struct EitherBase<Self, A, B, true> : StreamBase<Self, typename A::Item> {
  static_assert(std::is_same_v<typename A::Item, typename B::Item>, "kioto: both streams of an Either have the same type of item");
  static constexpr bool kLocal = IsLocalFuture<A> || IsLocalFuture<B>;
  static constexpr bool kLosesData = LosesDataWhenDropped<A> || LosesDataWhenDropped<B>;

  Poll<std::optional<typename A::Item>> PollNext(Context& cx) {
    return static_cast<Self*>(this)->Visit([&cx](auto& it) { return it.PollNext(cx); });
  }
};

}  // namespace internal

template <class A, class B>
class [[nodiscard]] Either : public internal::EitherBase<Either<A, B>, A, B> {
 public:
  static Either Left(A a) { return Either(std::in_place_index<0>, std::move(a)); }
  static Either Right(B b) { return Either(std::in_place_index<1>, std::move(b)); }

  // What it holds; null if it is the other one.
  A* left() { return std::get_if<0>(&held_); }
  B* right() { return std::get_if<1>(&held_); }

  template <class T = A, std::enable_if_t<IsReader<T> && IsReader<B>, int> = 0>
  Poll<StatusOr<size_t>> PollRead(Context& cx, MutableBytes into) {
    return Visit([&](auto& it) { return it.PollRead(cx, into); });
  }
  // As a buffered reader (buf_reader.h).
  template <class T = A, class = internal::FillsTo<T>, class U = B, class = internal::FillsTo<U>>
  Poll<StatusOr<absl::string_view>> PollFill(Context& cx) {
    return Visit([&](auto& it) { return it.PollFill(cx); });
  }
  template <class T = A, class = internal::FillsTo<T>, class U = B, class = internal::FillsTo<U>>
  void Consume(size_t n) {
    Visit([n](auto& it) { it.Consume(n); });
  }
  template <class T = A, std::enable_if_t<IsSeeker<T> && IsSeeker<B>, int> = 0>
  Poll<StatusOr<uint64_t>> PollSeek(Context& cx, SeekFrom to) {
    return Visit([&](auto& it) { return it.PollSeek(cx, to); });
  }
  template <class T = A, std::enable_if_t<IsWriter<T> && IsWriter<B>, int> = 0>
  Poll<StatusOr<size_t>> PollWrite(Context& cx, absl::string_view bytes) {
    return Visit([&](auto& it) { return it.PollWrite(cx, bytes); });
  }
  template <class T = A, std::enable_if_t<IsWriter<T> && IsWriter<B>, int> = 0>
  Poll<StatusOr<size_t>> PollWriteVectored(Context& cx, Pieces pieces) {
    return Visit([&](auto& it) { return WriterRef(it).PollWriteVectored(cx, pieces); });
  }
  template <class T = A, std::enable_if_t<IsWriter<T> && IsWriter<B>, int> = 0>
  Poll<Status> PollFlush(Context& cx) {
    return Visit([&](auto& it) { return WriterRef(it).PollFlush(cx); });
  }
  template <class T = A, std::enable_if_t<IsWriter<T> && IsWriter<B>, int> = 0>
  Poll<Status> PollShutdown(Context& cx) {
    return Visit([&](auto& it) { return WriterRef(it).PollShutdown(cx); });
  }
  void Describe(WaitTrace& trace) const {
    if (held_.index() == 0) {
      trace.Child(*std::get_if<0>(&held_));
    } else {
      trace.Child(*std::get_if<1>(&held_));
    }
  }

  // fn(A&) or fn(B&), which give the same.
  template <class Fn>
  auto Visit(Fn fn) {
    return held_.index() == 0 ? fn(*std::get_if<0>(&held_)) : fn(*std::get_if<1>(&held_));
  }

 private:
  template <size_t I, class T>
  Either(std::in_place_index_t<I> which, T&& held) : held_(which, std::move(held)) {}

  std::variant<A, B> held_;
};

}  // namespace kioto::io

#endif  // KIOTO_RUNTIME_IO_EITHER_H_
