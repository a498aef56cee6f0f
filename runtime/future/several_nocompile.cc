// What the combinators of several futures, and of streams, refuse: each case gives exactly one error, the sentence.
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "kioto/runtime/future/future.h"

namespace kioto {

struct Losing : FutureBase<Losing, int> {
  static constexpr bool kLosesData = true;
  Poll<int> PollOnce(Context&) { return 1; }
};
// A stream that may not be copied.
struct Items {
  using Item = int;
  Items(Items&&) = default;
  Poll<std::optional<int>> PollNext(Context&) { return std::optional<int>(); }
};

inline auto Good() { return Select(Case(Ready(1)), Case(Ready(2))); }

#ifdef KIOTO_NC_CASE_select_mismatch
// EXPECT: kioto: the branches give different outputs
inline Future<int> Refused() { return Select(Case(Ready(1)), Case(Ready(std::string()))); }
#endif

#ifdef KIOTO_NC_CASE_select_not_case
// EXPECT: kioto: each argument of Select is a Case(future, handler)
inline auto Refused() { return Select(Ready(1)); }
#endif

#ifdef KIOTO_NC_CASE_case_lvalue_callable
// EXPECT: kioto: the first argument of Case is a future, as an rvalue
inline auto Refused() {
  return Select(Case([] { return Ready(1); }, [](int) {}));
}
#endif

#ifdef KIOTO_NC_CASE_case_loses_data
// EXPECT: kioto: this future loses data if another case wins
inline auto Refused() { return Select(Case(Losing()), Case(Ready(1))); }
#endif

#ifdef KIOTO_NC_CASE_case_loses_data_in_a_chain
// EXPECT: kioto: this future loses data if another case wins
inline auto Refused() {
  return Select(Case(Losing().Then([](int& n) { return Ready(n); })), Case(Ready(1)));
}
#endif

#ifdef KIOTO_NC_CASE_loses_data_with
// EXPECT: kioto: this future loses data if another case wins
inline auto Refused() {
  return Select(Case(With(1, [](int&) { return Losing(); })), Case(Ready(1)));
}
#endif

#ifdef KIOTO_NC_CASE_loses_data_loop
// EXPECT: kioto: this future loses data if another case wins
inline auto Refused() {
  return Race(Loop([] { return Losing().Map([](int) { return Break(1); }); }), Ready(1));
}
#endif

#ifdef KIOTO_NC_CASE_loses_data_if
// EXPECT: kioto: this future loses data if another case wins
inline auto Refused(bool b) {
  return Select(Case(If(b, [] { return Losing(); }, [] { return 1; })), Case(Ready(1)));
}
#endif

#ifdef KIOTO_NC_CASE_loses_data_lazy
// EXPECT: kioto: this future loses data if another case wins
inline auto Refused() {
  return Select(Case(true, [] { return Losing(); }), Case(Ready(1)));
}
#endif

#ifdef KIOTO_NC_CASE_loses_data_finally
// EXPECT: kioto: this future loses data if another case wins
inline auto Refused() {
  return Select(Case(Ready(1).Finally([] { return Losing(); })), Case(Ready(1)));
}
#endif

#ifdef KIOTO_NC_CASE_loses_data_for_each
// EXPECT: kioto: this future loses data if another case wins
inline auto Refused() {
  return Race(ForEach(std::vector<int>(), [](int&) { return Losing().Map([](int) {}); }), Ready(OkStatus()));
}
#endif

#ifdef KIOTO_NC_CASE_case_factory_future
// EXPECT: kioto: a step is a callable that returns a future, not a future
inline auto Refused() { return Select(Case(true, Ready(1), [](int&) {})); }
#endif

#ifdef KIOTO_NC_CASE_join_not_future
// EXPECT: kioto: each argument of a join or race is a future
inline auto Refused() { return Join(Ready(1), 2); }
#endif

#ifdef KIOTO_NC_CASE_try_join_value
// EXPECT: kioto: each future of TryJoin gives Status or StatusOr<T>; for others use Join
inline auto Refused() { return TryJoin(Ready(1)); }
#endif

#ifdef KIOTO_NC_CASE_join_all_not_container
// EXPECT: kioto: JoinAll takes a container of futures, as an rvalue
inline auto Refused() { return JoinAll(Ready(1)); }
#endif

#ifdef KIOTO_NC_CASE_join_all_not_futures
// EXPECT: kioto: each argument of a join or race is a future
inline auto Refused() { return JoinAll(std::vector<int>()); }
#endif

#ifdef KIOTO_NC_CASE_try_join_all_value
// EXPECT: kioto: each future of TryJoinAll gives Status or StatusOr<T>; for others use JoinAll
inline auto Refused() { return TryJoinAll(std::vector<Future<int>>()); }
#endif

#ifdef KIOTO_NC_CASE_for_each_source
// EXPECT: kioto: ForEach takes a stream or a container
inline auto Refused() {
  return ForEach(Ready(1), [](int) {});
}
#endif

#ifdef KIOTO_NC_CASE_for_each_lvalue_container
// EXPECT: kioto: ForEach takes a stream or a container, as an rvalue: std::move(source)
inline auto Refused(std::vector<int>& v) {
  return ForEach(v, [](int) {});
}
#endif

#ifdef KIOTO_NC_CASE_for_each_lvalue_stream
// EXPECT: kioto: ForEach takes a stream or a container, as an rvalue: std::move(source), or ByRef(stream)
inline Future<Status> Refused(Items& items) {
  return ForEach(items, [](int) {});
}
#endif

#ifdef KIOTO_NC_CASE_for_each_concurrent_const
// EXPECT: kioto: ForEach takes a stream or a container, as an rvalue: std::move(source)
inline auto Refused(const std::vector<int>& v) {
  return ForEachConcurrent(v, 2, [](int& n) { return Ready(n).Map([](int) {}); });
}
#endif

#ifdef KIOTO_NC_CASE_take_until_lvalue_stream
// EXPECT: kioto: TakeUntil takes a stream or a container, and a future, both as rvalues
inline auto Refused(Items& items) {
  return ForEach(TakeUntil(items, Ready(1)), [](int) {});
}
#endif

#ifdef KIOTO_NC_CASE_join_all_lvalue
// EXPECT: kioto: JoinAll takes a container of futures, as an rvalue: std::move(futures)
inline auto Refused(std::vector<Future<int>>& futures) { return JoinAll(futures); }
#endif

#ifdef KIOTO_NC_CASE_stream_of_lvalue
// EXPECT: kioto: StreamOf takes a container, as an rvalue: std::move(container)
inline auto Refused(std::vector<int>& v) { return StreamOf(v); }
#endif

#ifdef KIOTO_NC_CASE_for_each_value
// EXPECT: kioto: the step of ForEach gives nothing, a Status, Continue() or Break()
inline auto Refused() {
  return ForEach(std::vector<int>(), [](int n) { return n; });
}
#endif

#ifdef KIOTO_NC_CASE_take_until_arguments
// EXPECT: kioto: TakeUntil takes a stream or a container, and a future
inline auto Refused() { return TakeUntil(Ready(1), Ready(2)); }
#endif

}  // namespace kioto
