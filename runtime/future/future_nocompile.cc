// What the combinators of one future refuse: each case gives exactly one error, the sentence.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "kioto/runtime/future/future.h"

namespace kioto {

struct Bound : FutureBase<Bound, Status> {
  static constexpr bool kLocal = true;
  Poll<Status> PollOnce(Context&) { return OkStatus(); }
};

inline Future<Status> ByValue(std::string) { return OkStatus(); }

inline auto Good() { return Ready(1).Then([](int& n) { return Ready(n); }); }

#ifdef KIOTO_NC_CASE_then_by_value
// EXPECT: kioto: an asynchronous step takes its argument by reference (T&)
inline Future<int> Refused() {
  return Ready(1).Then([](int n) { return Ready(n); }).Then([](int& n) { return n; });
}
#endif

#ifdef KIOTO_NC_CASE_then_by_value_move_only
// EXPECT: kioto: an asynchronous step takes its argument by reference (T&)
inline auto Refused() {
  return Ready(std::unique_ptr<int>()).Then([](auto p) { return Ready(p == nullptr); });
}
#endif

#ifdef KIOTO_NC_CASE_and_then_function_by_value
// EXPECT: kioto: an asynchronous step takes its argument by reference (T&)
inline auto Refused() { return Ready(StatusOr<std::string>("x")).AndThen(ByValue); }
#endif

#ifdef KIOTO_NC_CASE_with_by_value
// EXPECT: kioto: an asynchronous step takes its argument by reference (T&)
inline auto Refused() {
  return With(1, std::string(), [](int n, std::string&) { return Ready(n); });
}
#endif

#ifdef KIOTO_NC_CASE_handler_by_value
// EXPECT: kioto: an asynchronous step takes its argument by reference (T&)
inline auto Refused() {
  return Select(Case(Ready(1), [](int n) { return Ready(n); }), Case(Ready(2)));
}
#endif

#ifdef KIOTO_NC_CASE_for_each_by_value
// EXPECT: kioto: an asynchronous step takes its argument by reference (T&)
inline auto Refused() {
  return ForEachConcurrent(std::vector<int>(), 3, [](int n) { return Ready(n).Then([](int) {}); });
}
#endif

#ifdef KIOTO_NC_CASE_then_temporary
// EXPECT: kioto: an asynchronous step takes a reference to exactly the type that it is given
inline auto Refused() {
  return Ready("text").Then([](const std::string& s) { return Ready(s.size()); });
}
#endif

#ifdef KIOTO_NC_CASE_then_wrong_argument
// EXPECT: kioto: the step cannot be called with what the future gives
inline Future<Status> Refused() {
  return Ready(1).Then([](std::string&) { return OkStatus(); }).AndThen([] {});
}
#endif

#ifdef KIOTO_NC_CASE_nested_poison
// EXPECT: kioto: the step cannot be called with what the future gives
inline Future<Status> Refused() {
  return With(1, [](int&) {
    return Loop([] { return Ready(1).Then([](std::string&) { return OkStatus(); }); });
  }).Finally([] {});
}
#endif

#ifdef KIOTO_NC_CASE_then_future
// EXPECT: kioto: a step is a callable that returns a future, not a future
inline auto Refused() { return Ready(1).Then(Ready(2)); }
#endif

#ifdef KIOTO_NC_CASE_loop_future
// EXPECT: kioto: a step is a callable that returns a future, not a future
inline Future<Status> Refused() { return Loop(Ready(OkStatus())); }
#endif

#ifdef KIOTO_NC_CASE_if_future
// EXPECT: kioto: a step is a callable that returns a future, not a future
inline auto Refused(bool b) {
  return If(b, Ready(1), [] { return 1; });
}
#endif

#ifdef KIOTO_NC_CASE_with_future
// EXPECT: kioto: a step is a callable that returns a future, not a future
inline auto Refused() { return With(1, Ready(1)); }
#endif

#ifdef KIOTO_NC_CASE_with_immovable
// EXPECT: kioto: With keeps its states: std::move(state), or InPlace<T>(arguments...) for a T that may not be moved
inline Future<Status> Refused() {
  struct Frame {
    Frame(int n) : a(n) {}
    Frame(Frame&&) = delete;
    int a;
    int* b = &a;
  };
  return With(Frame(1), [](Frame&) { return Ready(OkStatus()); });
}
#endif

#ifdef KIOTO_NC_CASE_with_lvalue
// EXPECT: kioto: With keeps its states: std::move(state), or InPlace<T>(arguments...) for a T that may not be moved
inline auto Refused(std::unique_ptr<int>& p) {
  return With(p, [](std::unique_ptr<int>& kept) { return Ready(*kept); });
}
#endif

#ifdef KIOTO_NC_CASE_in_place_arguments
// EXPECT: kioto: InPlace<T>(args...) makes a T from these arguments, as rvalues: T has no such constructor
inline auto Refused() {
  return With(InPlace<std::string>(std::vector<int>()), [](std::string& s) { return Ready(s.size()); });
}
#endif

#ifdef KIOTO_NC_CASE_with_not_callable
// EXPECT: kioto: the step cannot be called with what the future gives
inline auto Refused() {
  return With(1, [](std::string&) { return Ready(); });
}
#endif

#ifdef KIOTO_NC_CASE_then_lvalue
// EXPECT: kioto: Then consumes its future: write std::move(future).Then(...)
inline auto Refused() {
  auto future = Ready(1);
  return future.Then([](int) {});
}
#endif

#ifdef KIOTO_NC_CASE_map_lvalue
// EXPECT: kioto: Map consumes its future: write std::move(future).Map(...)
inline auto Refused() {
  auto future = Ready(1);
  return future.Map([](int) {});
}
#endif

#ifdef KIOTO_NC_CASE_and_then_lvalue
// EXPECT: kioto: AndThen consumes its future: write std::move(future).AndThen(...)
inline auto Refused() {
  auto future = Ready(OkStatus());
  return future.AndThen([] {});
}
#endif

#ifdef KIOTO_NC_CASE_or_else_lvalue
// EXPECT: kioto: OrElse consumes its future: write std::move(future).OrElse(...)
inline auto Refused() {
  auto future = Ready(OkStatus());
  return future.OrElse([] {});
}
#endif

#ifdef KIOTO_NC_CASE_finally_lvalue
// EXPECT: kioto: Finally consumes its future: write std::move(future).Finally(...)
inline auto Refused() {
  auto future = Ready(OkStatus());
  return future.Finally([] {});
}
#endif

#ifdef KIOTO_NC_CASE_map_async
// EXPECT: kioto: the step of Map computes a value; for one that returns a future use Then
inline auto Refused() {
  return Ready(1).Map([](int& n) { return Ready(n); });
}
#endif

#ifdef KIOTO_NC_CASE_and_then_on_a_value
// EXPECT: kioto: AndThen continues a future that gives Status or StatusOr<T>; after another one use Then
inline Future<Status> Refused() {
  return Ready(1).AndThen([](int) {});
}
#endif

#ifdef KIOTO_NC_CASE_or_else_on_a_value
// EXPECT: kioto: OrElse continues a future that gives Status or StatusOr<T>; after another one use Then
inline auto Refused() {
  return Ready(1).OrElse([](Status) {});
}
#endif

#ifdef KIOTO_NC_CASE_or_else_other_type
// EXPECT: kioto: the step of OrElse gives what its future gives
inline auto Refused() {
  return Ready(OkStatus()).OrElse([](Status&) { return StatusOr<int>(1); });
}
#endif

#ifdef KIOTO_NC_CASE_inspect_async
// EXPECT: kioto: the step of Inspect only looks on; for one that returns a future use Then
inline auto Refused() {
  return Ready(1).Inspect([](const int&) { return Ready(); });
}
#endif

#ifdef KIOTO_NC_CASE_inspect_argument
// EXPECT: kioto: the step of Inspect is called with const T&
inline auto Refused() {
  return Ready(1).Inspect([](int&) {});
}
#endif

#ifdef KIOTO_NC_CASE_finally_argument
// EXPECT: kioto: the step of Finally takes no argument: it runs after errors and exceptions too
inline auto Refused() {
  return Ready(1).Finally([](int&) {});
}
#endif

#ifdef KIOTO_NC_CASE_apply_adaptor
// EXPECT: kioto: the adaptor of Apply is called with the future, as an rvalue
inline auto Refused() { return Ready(1).Apply(3); }
#endif

#ifdef KIOTO_NC_CASE_loop_without_end
// EXPECT: kioto: this Loop can neither wait nor break
inline auto Refused() {
  return Loop([] {});
}
#endif

#ifdef KIOTO_NC_CASE_loop_value
// EXPECT: kioto: one round of a Loop gives nothing, a Status, Continue() or Break(v)
inline auto Refused() {
  return Loop([] { return Ready(1); });
}
#endif

#ifdef KIOTO_NC_CASE_if_mismatch
// EXPECT: kioto: the branches give different outputs
inline auto Refused(bool b) {
  return If(b, [] { return 1; }, [] { return std::string(); });
}
#endif

#ifdef KIOTO_NC_CASE_by_ref_argument
// EXPECT: kioto: ByRef takes a future or a stream that is kept elsewhere
inline auto Refused(int& n) { return ByRef(n); }
#endif

#ifdef KIOTO_NC_CASE_poll_fn
// EXPECT: kioto: PollFn takes a callable from Context& to Poll<T>
inline auto Refused() {
  return PollFn([] { return 1; });
}
#endif

#ifdef KIOTO_NC_CASE_on_drop
// EXPECT: kioto: OnDrop takes a future and what to do, without arguments, if it is dropped
inline auto Refused() { return OnDrop(Ready(1), 2); }
#endif

#ifdef KIOTO_NC_CASE_unconstrained
// EXPECT: kioto: Unconstrained takes a future
inline auto Refused() { return Unconstrained(1); }
#endif

#ifdef KIOTO_NC_CASE_cooperative_takes_a_future
// EXPECT: kioto: Cooperative takes a future
inline auto Refused() { return Cooperative(1); }
#endif

#ifdef KIOTO_NC_CASE_next_argument
// EXPECT: kioto: Next takes a stream that is kept elsewhere
inline auto Refused(int& n) { return Next(n); }
#endif

#ifdef KIOTO_NC_CASE_stream_of_argument
// EXPECT: kioto: StreamOf takes a container
inline auto Refused() { return StreamOf(1); }
#endif

#ifdef KIOTO_NC_CASE_loses_data_argument
// EXPECT: kioto: LosesData takes a future
inline auto Refused() { return LosesData(1); }
#endif

#ifdef KIOTO_NC_CASE_future_of_local
// EXPECT: kioto: this future must stay on its thread: return it as a LocalFuture<T>
inline Future<Status> Refused() { return Bound(); }
#endif

#ifdef KIOTO_NC_CASE_future_of_other
// EXPECT: kioto: a Future<T> is made from a future that gives T: .Map() its output to T
inline Future<std::string> Refused() { return Good(); }
#endif

#ifdef KIOTO_NC_CASE_future_of_status_or_from_status
// EXPECT: kioto: a future that gives Status is no Future<StatusOr<T>>, for an OK has no T
inline Future<StatusOr<int>> Refused() {
  return Ready(1).Then([](int&) { return Ready(OkStatus()); });
}
#endif

#ifdef KIOTO_NC_CASE_local_future_of_status_or_from_status
// EXPECT: kioto: a future that gives Status is no Future<StatusOr<T>>, for an OK has no T
inline LocalFuture<StatusOr<std::string>> Refused() { return Bound(); }
#endif

#ifdef KIOTO_NC_CASE_dropped_then
// EXPECT_GCC: ignoring return
// EXPECT_CLANG: ignoring return value
inline void Refused() {
  Ready(1).Then([](int& n) { return Ready(n); });
}
#endif

#ifdef KIOTO_NC_CASE_dropped_future
// EXPECT_GCC: ignoring return
// EXPECT_CLANG: ignoring return value
inline void Refused() { ByValue("x"); }
#endif

#ifdef KIOTO_NC_CASE_dropped_select
// EXPECT_GCC: ignoring return
// EXPECT_CLANG: ignoring return value
inline void Refused() { Select(Case(Ready(1))); }
#endif

}  // namespace kioto
