// What streams refuse, and with which sentence.
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "kioto/runtime/future/future.h"
#include "kioto/runtime/future/stream/streams.h"

namespace kioto {

inline auto Items() { return stream::From(std::vector<int>{1}); }
struct Bound : StreamBase<Bound, int> {
  static constexpr bool kLocal = true;
  Poll<std::optional<int>> PollNext(Context&) { return kPending; }
};

#ifdef KIOTO_NC_CASE_from_lvalue
// EXPECT: kioto: stream::From takes a stream or a container, as an rvalue: std::move(source)
inline auto Refused(std::vector<int>& v) { return stream::From(v).Map([](int n) { return n; }).Take(1); }
#endif

#ifdef KIOTO_NC_CASE_map_async
// EXPECT: kioto: this step of a stream computes a value; for one that returns a future use Then
inline auto Refused() {
  return Items().Map([](int& n) { return Ready(n); }).Filter([](int) { return true; });
}
#endif

#ifdef KIOTO_NC_CASE_then_sync
// EXPECT: kioto: the step of a stream's Then returns a future; for one that computes use Map
inline auto Refused() {
  return Items().Then([](int n) { return n; });
}
#endif

#ifdef KIOTO_NC_CASE_then_by_value
// EXPECT: kioto: an asynchronous step takes its argument by reference
inline auto Refused() {
  return Items().Then([](int n) { return Ready(n); });
}
#endif

#ifdef KIOTO_NC_CASE_buffered_sync
// EXPECT: kioto: the step of Buffered and BufferUnordered returns a future; for one that computes use Map
inline auto Refused() {
  return Items().Buffered(2, [](int n) { return n; });
}
#endif

#ifdef KIOTO_NC_CASE_filter_predicate
// EXPECT: kioto: the predicate of a stream is called with const T& and returns a bool
inline auto Refused() {
  return Items().Filter([](std::string&) { return true; }).Collect<std::vector<int>>();
}
#endif

#ifdef KIOTO_NC_CASE_filter_map_value
// EXPECT: kioto: the step of FilterMap and MapWhile gives a std::optional: the item, or nullopt
inline auto Refused() {
  return Items().FilterMap([](int n) { return n; });
}
#endif

#ifdef KIOTO_NC_CASE_inspect_argument
// EXPECT: kioto: the step of Inspect is called with const T&
inline auto Refused() {
  return Items().Inspect([](std::string&) {});
}
#endif

#ifdef KIOTO_NC_CASE_until_argument
// EXPECT: kioto: Until of a stream takes a future, which ends it
inline auto Refused() { return Items().Until(1); }
#endif

#ifdef KIOTO_NC_CASE_chain_container
// EXPECT: kioto: Chain, Merge and Zip take a stream; a container becomes one by stream::From(std::move(container))
inline auto Refused() { return Items().Chain(std::vector<int>()); }
#endif

#ifdef KIOTO_NC_CASE_zip_container
// EXPECT: kioto: Chain, Merge and Zip take a stream; a container becomes one by stream::From(std::move(container))
inline auto Refused() { return Items().Zip(std::vector<int>()).Take(1); }
#endif

#ifdef KIOTO_NC_CASE_flat_map_by_value
// EXPECT: kioto: the step of FlatMap takes a reference to exactly the type of its item (T& or auto&)
inline auto Refused() {
  return Items().FlatMap([](int) { return Items(); }).Take(1);
}
#endif

#ifdef KIOTO_NC_CASE_flat_map_converted
// EXPECT: kioto: the step of FlatMap takes a reference to exactly the type of its item (T& or auto&)
inline auto Refused() {
  return Items().FlatMap([](const long&) { return Items(); }).Take(1);
}
#endif

#ifdef KIOTO_NC_CASE_flat_map_value
// EXPECT: kioto: the step of FlatMap gives a stream or a container, by value
inline auto Refused() {
  return Items().FlatMap([](int& n) { return n; }).Take(1);
}
#endif

#ifdef KIOTO_NC_CASE_merge_other_item
// EXPECT: kioto: both streams have the same type of item: .Map() one to that of the other
inline auto Refused() { return Items().Merge(stream::Empty<long>()); }
#endif

#ifdef KIOTO_NC_CASE_collect_container
// EXPECT: kioto: Collect<C> adds each item to a C by push_back, insert or push, to a std::string by append
inline auto Refused() { return Items().Collect<std::string>(); }
#endif

#ifdef KIOTO_NC_CASE_collect_status_or
// EXPECT: kioto: Collect<StatusOr<C>> is for a stream of StatusOr; the items of this one are values: Collect<C>
inline auto Refused() { return Items().Collect<StatusOr<std::vector<int>>>(); }
#endif

#ifdef KIOTO_NC_CASE_fold_step
// EXPECT: kioto: the step of Fold is called with the accumulator and an item and gives the next accumulator
inline auto Refused() {
  return Items().Fold(0, [](int n) { return n; });
}
#endif

#ifdef KIOTO_NC_CASE_fold_step_that_changes_a_copy
// EXPECT: kioto: the step of Fold is called with the accumulator and an item and gives the next accumulator
inline auto Refused() {
  return Items().Fold(std::vector<int>(), [](std::vector<int> all, int n) { all.push_back(n); });
}
#endif

#ifdef KIOTO_NC_CASE_try_fold_step
// EXPECT: kioto: the step of TryFold is called with the accumulator and an item, which is no StatusOr
inline auto Refused() {
  return Items().TryFold(0, [](int sum, int n) { return n > sum ? absl::OkStatus() : absl::InternalError("less"); });
}
#endif

#ifdef KIOTO_NC_CASE_try_next
// EXPECT: kioto: TryNext is for a stream of StatusOr; of others take Next
inline auto Refused(Stream<int>& items) { return items.TryNext(); }
#endif

#ifdef KIOTO_NC_CASE_stream_of_local
// EXPECT: kioto: this stream must stay on its thread: return it as a LocalStream<T>
inline Stream<int> Refused() { return Bound(); }
#endif

#ifdef KIOTO_NC_CASE_stream_of_other
// EXPECT: kioto: a Stream<T> is made from a stream of T: .Map() its items to T
inline Stream<std::string> Refused() { return Items(); }
#endif

#ifdef KIOTO_NC_CASE_from_future_argument
// EXPECT: kioto: stream::FromFuture takes a future
inline auto Refused() { return stream::FromFuture(1); }
#endif

#ifdef KIOTO_NC_CASE_unfold_step
// EXPECT: kioto: the step of stream::Unfold gives a std::optional, or a future of one: the next item, or nullopt
inline auto Refused() {
  return stream::Unfold(1, [](int& n) { return n; });
}
#endif

#ifdef KIOTO_NC_CASE_poll_fn
// EXPECT: kioto: stream::PollFn takes a callable from Context& to Poll<std::optional<T>>
inline auto Refused() {
  return stream::PollFn([](Context&) { return 1; });
}
#endif

#ifdef KIOTO_NC_CASE_dropped_stream
// EXPECT_GCC: ignoring return
// EXPECT_CLANG: ignoring return value
inline void Refused() { Items().Take(1); }
#endif

}  // namespace kioto
