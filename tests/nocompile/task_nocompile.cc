// What Spawn and its kin refuse: each case gives exactly one error, the sentence.
#include <utility>

#include "kioto/runtime/blocking/spawn_blocking.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/scheduler/block_in_place.h"
#include "kioto/runtime/scheduler/local_pool.h"
#include "kioto/runtime/task/spawn.h"
#include "kioto/runtime/trace/span.h"

namespace kioto {

struct Bound : FutureBase<Bound, Status> {
  static constexpr bool kLocal = true;
  Poll<Status> PollOnce(Context&) { return OkStatus(); }
};

inline auto Good() { return Spawn(Ready(1)); }
inline auto GoodLocal() { return SpawnLocal(Bound()); }

#ifdef KIOTO_NC_CASE_spawn_lvalue
// EXPECT: kioto: Spawn takes its future by value: write Spawn(std::move(future))
inline auto Refused(internal::ReadyFuture<int>& future) { return Spawn(future); }
#endif

inline auto Make() { return Ready(1); }

#ifdef KIOTO_NC_CASE_spawn_function
// EXPECT: kioto: Spawn needs a future; give a function's result, not the function
inline auto Refused() { return Spawn(Make); }
#endif

#ifdef KIOTO_NC_CASE_spawn_lambda
// EXPECT: kioto: Spawn needs a future; give a function's result, not the function
inline auto Refused() {
  return Spawn([] { return Ready(1); }).AndThen([](int& n) { return n; });
}
#endif

#ifdef KIOTO_NC_CASE_spawn_local_function
// EXPECT: kioto: SpawnLocal needs a future; give a function's result, not the function
inline auto Refused() { return SpawnLocal(&Make); }
#endif

#ifdef KIOTO_NC_CASE_spawn_local_future
// EXPECT: kioto: this future is bound to its thread; use SpawnLocal
inline auto Refused() { return Spawn(Bound()); }
#endif

#ifdef KIOTO_NC_CASE_spawn_local_inside
// EXPECT: kioto: this future is bound to its thread; use SpawnLocal
inline auto Refused() {
  return Spawn(Loop([] { return Bound().AndThen([] { return Break(); }); }));
}
#endif

#ifdef KIOTO_NC_CASE_try_spawn_blocking_argument
// EXPECT: kioto: TrySpawnBlocking needs a function without parameters
inline void Refused() {
  TrySpawnBlocking([](int n) { return n; });
}
#endif

#ifdef KIOTO_NC_CASE_spawn_blocking_argument
// EXPECT: kioto: SpawnBlocking needs a function without parameters
inline auto Refused() {
  return SpawnBlocking([](int n) { return n; });
}
#endif

#ifdef KIOTO_NC_CASE_span_of_a_function
// EXPECT: kioto: Span needs a future; give a function's result, not the function
inline auto Refused() { return Span("load", &Good); }
#endif

#ifdef KIOTO_NC_CASE_span_of_an_lvalue
// EXPECT: kioto: Span takes its future by value: write Span(name, std::move(future))
inline auto Refused(internal::ReadyFuture<int>& future) { return Span("load", future); }
#endif

#ifdef KIOTO_NC_CASE_block_in_place_argument
// EXPECT: kioto: BlockInPlace needs a function without parameters
inline void Refused() { BlockInPlace([](int n) { return n; }); }
#endif

#ifdef KIOTO_NC_CASE_local_pool_argument
// EXPECT: kioto: a LocalPool takes a function without parameters, which makes the future on the pool's thread
inline void Refused(LocalPool& pool) { pool.SpawnPinned(Ready(1)); }
#endif

}  // namespace kioto
