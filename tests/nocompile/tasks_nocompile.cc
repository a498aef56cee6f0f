// What the collections of tasks, scopes and task-locals refuse. Each case must fail with its one sentence.
#include <memory>
#include <string>

#include "kioto/runtime/future/future.h"
#include "kioto/runtime/task/join_map.h"
#include "kioto/runtime/task/join_set.h"
#include "kioto/runtime/task/local_set.h"
#include "kioto/runtime/task/scope.h"
#include "kioto/runtime/task/task_local.h"
#include "kioto/runtime/task/task_tracker.h"

namespace kioto {

KIOTO_TASK_LOCAL(int, number);

inline void Fine(JoinSet<int>& set, LocalSet& local) {
  set.Spawn(Ready(1));
  set.SpawnLocalOn(local, Ready(1));
  (void)local.RunUntil(Ready(1));
  (void)number.Scope(1, Ready(1));
  (void)Scoped([](Scope& scope) { return scope.Wait(); });
}

#ifdef KIOTO_NC_CASE_join_all_of_a_set_in_a_case
// EXPECT: kioto: this future loses data if another case wins: keep it outside with ByRef(future), or accept that with LosesData(future)
inline auto Refused(JoinSet<int> set) { return Select(Case(std::move(set).JoinAll())); }
#endif

#ifdef KIOTO_NC_CASE_tracker_spawns_function
// EXPECT: kioto: Spawn needs a future; give a function's result, not the function
inline void Refused(const TaskTracker& tracker) {
  tracker.Spawn([] { return Ready(1); });
}
#endif

#ifdef KIOTO_NC_CASE_tracker_spawns_local_function
// EXPECT: kioto: SpawnLocal needs a future; give a function's result, not the function
inline void Refused(const TaskTracker& tracker, const LocalSet& set) {
  tracker.SpawnLocalOn(set, [] { return Ready(1); });
}
#endif

#ifdef KIOTO_NC_CASE_tracker_spawns_lvalue
// EXPECT: kioto: Spawn takes its future by value: write Spawn(std::move(future))
inline void Refused(const TaskTracker& tracker, Future<int>& future) { tracker.Spawn(future); }
#endif

#ifdef KIOTO_NC_CASE_scope_spawns_function
// EXPECT: kioto: Spawn needs a future; give a function's result, not the function
inline void Refused(Scope& scope) {
  scope.Spawn([] { return Ready(1); });
}
#endif

#ifdef KIOTO_NC_CASE_scope_spawns_local_function
// EXPECT: kioto: SpawnLocal needs a future; give a function's result, not the function
inline void Refused(Scope& scope) {
  scope.SpawnLocal([] { return Ready(1); });
}
#endif

#ifdef KIOTO_NC_CASE_set_spawns_function
// EXPECT: kioto: Spawn needs a future; give a function's result, not the function
inline void Refused(JoinSet<int>& set) {
  set.Spawn([] { return Ready(1); });
}
#endif

#ifdef KIOTO_NC_CASE_collection_of_other
// EXPECT: kioto: the futures and functions of a collection give what its type says: .Map() the output to that
inline void Refused(JoinSet<int>& set) { set.Spawn(Ready(std::string("x"))); }
#endif

#ifdef KIOTO_NC_CASE_blocking_without_header
// EXPECT: kioto: to spawn blocking jobs into a collection include kioto/runtime/blocking/spawn_blocking.h
inline void Refused(JoinSet<int>& set) {
  set.SpawnBlocking([] { return 1; });
}
#endif

#ifdef KIOTO_NC_CASE_run_until_argument
// EXPECT: kioto: RunUntil takes a future; give a function's result, not the function
inline auto Refused(LocalSet& set) {
  return set.RunUntil([] { return Ready(1); });
}
#endif

#ifdef KIOTO_NC_CASE_task_local_scope_argument
// EXPECT: kioto: Scope takes a value and a future; for a function use SyncScope
inline auto Refused() {
  return number.Scope(1, [] { return 1; });
}
#endif

#ifdef KIOTO_NC_CASE_local_run_is_not_spawned
// EXPECT: kioto: this future is bound to its thread; use SpawnLocal
inline void Refused(LocalSet& set) { Spawn(set.RunUntil(Ready(1))).Detach(); }
#endif

#ifdef KIOTO_NC_CASE_scope_without_future
// EXPECT: kioto: the function of Scoped returns a future, at whose end the scope ends: scope.Wait()
inline auto Refused() {
  return Scoped([](Scope& scope) { scope.Spawn(Ready(1)); });
}
#endif

#ifdef KIOTO_NC_CASE_scope_without_function
// EXPECT: kioto: the last argument of Scoped is the function that gets the Scope and the states
inline auto Refused() { return Scoped(ScopeOptions{1}); }
#endif

#ifdef KIOTO_NC_CASE_scope_state_by_value
// EXPECT: kioto: an asynchronous step takes its argument by reference
inline auto Refused() {
  return Scoped(1, [](Scope& scope, int) { return scope.Wait(); });
}
#endif

#ifdef KIOTO_NC_CASE_scope_child_by_name
// EXPECT: kioto: Spawn takes its future by value: write Spawn(std::move(future))
inline void Refused(Scope& scope, Future<int>& child) { scope.Spawn(child); }
#endif

}  // namespace kioto
