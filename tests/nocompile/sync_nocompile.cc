// What channels and cells refuse: each case gives exactly one error, the sentence.
#include <memory>
#include <string>
#include <utility>

#include "kioto/runtime/base/status.h"
#include "kioto/runtime/future/for_each.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/future/stream/sources.h"
#include "kioto/sync/block_on.h"
#include "kioto/sync/broadcast.h"
#include "kioto/sync/call.h"
#include "kioto/sync/mpsc.h"
#include "kioto/sync/mutex.h"
#include "kioto/sync/once_cell.h"
#include "kioto/sync/oneshot.h"
#include "kioto/sync/reusable_box.h"
#include "kioto/sync/rwlock.h"
#include "kioto/sync/until.h"
#include "kioto/sync/watch.h"

namespace kioto {

struct Fixed {  // can not be copied
  Fixed() = default;
  Fixed(Fixed&&) = default;
  Fixed& operator=(Fixed&&) = default;
};
struct Local : FutureBase<Local, int> {
  static constexpr bool kLocal = true;
  Poll<int> PollOnce(Context&) { return 1; }
};

inline sync::ReusableBox<int> Good() {
  sync::ReusableBox<int> box(Ready(1));
  (void)box.TrySet(Ready(2));
  box.Set(Ready(3));
  return box;
}

#ifdef KIOTO_NC_CASE_reusable_box_no_future
// EXPECT: kioto: a ReusableBox takes a future, as an rvalue: std::move(future) or a call that makes one
inline void Refused(sync::ReusableBox<int>& box) { box.Set(1); }
#endif

#ifdef KIOTO_NC_CASE_reusable_box_lvalue
// EXPECT: kioto: a ReusableBox takes a future, as an rvalue: std::move(future) or a call that makes one
inline void Refused(sync::ReusableBox<int>& box) {
  auto next = Ready(1);
  (void)box.TrySet(next);
}
#endif

#ifdef KIOTO_NC_CASE_reusable_box_other_output
// EXPECT: kioto: each future of a ReusableBox<T> gives exactly T: use Map, or Boxed
inline void Refused(sync::ReusableBox<int>& box) { box.Set(Ready(std::string("text"))); }
#endif

#ifdef KIOTO_NC_CASE_reusable_box_local
// EXPECT: kioto: a ReusableBox may go to another thread, and this future may not: use a LocalFuture
inline void Refused(sync::ReusableBox<int>& box) { box.Set(Local()); }
#endif

#ifdef KIOTO_NC_CASE_watch_modify_of_fixed
// EXPECT: kioto: SendModify and SendIfModified change a copy of the value: use SendReplace, or a Watch of a std::shared_ptr
inline void Refused(const sync::Watch<Fixed>& watch) {
  watch.SendModify([](Fixed&) {});
}
#endif

#ifdef KIOTO_NC_CASE_call_without_reply
// EXPECT: kioto: Call takes a function that makes the job from the OneshotSender<R> of its answer
inline auto Refused(const sync::MpscSender<int>& pool) {
  return sync::Call<int>(pool, [] { return 1; });
}
#endif

#ifdef KIOTO_NC_CASE_call_makes_another_job
// EXPECT: kioto: Call: the function makes the job that the sender takes
inline Future<StatusOr<int>> Refused(const sync::MpscSender<int>& pool) {
  return sync::Call<int>(pool, [](sync::OneshotSender<int>) { return std::string("no int"); });
}
#endif

#ifdef KIOTO_NC_CASE_call_of_a_broadcast
// EXPECT: kioto: Call: the function makes the job that the sender takes
auto CallOfABroadcast(const sync::Broadcast<int>& room) {
  return sync::Call<int>(room, [](sync::OneshotSender<int>) { return 1; });
}
#endif

#ifdef KIOTO_NC_CASE_call_of_no_sender
// EXPECT: kioto: Call: the function makes the job that the sender takes
inline auto Refused() {
  return sync::Call<int>(5, [](sync::OneshotSender<int>) { return 1; });
}
#endif

#ifdef KIOTO_NC_CASE_watch_wait_for_no_predicate
// EXPECT: kioto: the predicate of WaitFor is called with const T& and returns a bool
inline auto Refused(sync::WatchReceiver<int>& seen) { return seen.WaitFor(5).Map([](int& n) { return n; }); }
#endif

#ifdef KIOTO_NC_CASE_watch_wait_for_a_change
// EXPECT: kioto: the predicate of WaitFor is called with const T& and returns a bool
inline auto Refused(sync::WatchReceiver<int>& seen) {
  return seen.WaitFor([](int& n) { return n++ == 1; });
}
#endif

#ifdef KIOTO_NC_CASE_once_cell_init_may_fail
// EXPECT: kioto: GetOrInit: fn gives a T or a future of one; for a StatusOr<T> use GetOrTryInit
inline auto Refused(sync::OnceCell<int>& cell) {
  return cell.GetOrInit([] { return StatusOr<int>(1); });
}
#endif

#ifdef KIOTO_NC_CASE_once_cell_init_of_a_future_may_fail
// EXPECT: kioto: GetOrInit: fn gives a T or a future of one; for a StatusOr<T> use GetOrTryInit
inline auto Refused(sync::OnceCell<int>& cell) {
  return cell.GetOrInit([] { return Ready(StatusOr<int>(1)); });
}
#endif

#ifdef KIOTO_NC_CASE_once_cell_try_init_can_not_fail
// EXPECT: kioto: GetOrTryInit: fn gives a StatusOr<T> or a future of one; for a T use GetOrInit
inline Future<Status> Refused(sync::OnceCell<int>& cell) {
  return cell.GetOrTryInit([] { return Ready(1); }).AndThen([](const int*&) { return OkStatus(); });
}
#endif

#ifdef KIOTO_NC_CASE_broadcast_of_fixed
// EXPECT: kioto: a Broadcast's T is copied for each receiver: use a std::shared_ptr<const T>
inline void Refused() { sync::Broadcast<std::unique_ptr<int>> room; }
#endif

#ifdef KIOTO_NC_CASE_broadcast_is_no_stream
// EXPECT: kioto: ForEach takes a stream or a container, which this is not; a receiver of Broadcast or Watch becomes a stream in
inline auto Refused(const sync::Broadcast<int>& room) {
  return ForEach(room.Subscribe(), [](int) {});
}
#endif

#ifdef KIOTO_NC_CASE_watch_is_no_stream
// EXPECT: kioto: stream::From takes a stream or a container, which this is not; a receiver of Broadcast or Watch becomes a stream in
inline auto Refused(const sync::Watch<int>& config) { return stream::From(config.Subscribe()); }
#endif

#ifdef KIOTO_NC_CASE_guard_map_by_value
// EXPECT: kioto: the function of Map gives a reference into the value (-> U&); for a pointer use TryMap
inline auto Refused(sync::MutexGuard<std::string> text) {
  return std::move(text).Map([](std::string& text) { return text[0]; });
}
#endif

#ifdef KIOTO_NC_CASE_guard_map_of_a_pointer
// EXPECT: kioto: the function of Map gives a reference into the value (-> U&); for a pointer use TryMap
inline auto Refused(sync::ReadGuard<std::string> text) {
  return std::move(text).Map([](const std::string& text) { return &text; });
}
#endif

#ifdef KIOTO_NC_CASE_guard_downgrade_map_by_value
// EXPECT: kioto: the function of DowngradeMap gives a reference into the value (-> const U&); for a pointer use TryDowngradeMap
inline auto Refused(sync::WriteGuard<std::string> text) {
  return std::move(text).DowngradeMap([](const std::string& text) { return text.size(); });
}
#endif

#ifdef KIOTO_NC_CASE_guard_downgrade_of_a_mutex
// EXPECT: kioto: only the guard of a RwLock::Write can be downgraded
inline auto Refused(sync::MutexGuard<int> guard) { return std::move(guard).Downgrade(); }
#endif

#ifdef KIOTO_NC_CASE_until_no_future
// EXPECT: kioto: Until takes a token and a future, which it stops when the token is cancelled
inline auto Refused(CancellationToken stop) { return Until(std::move(stop), 1); }
#endif

#ifdef KIOTO_NC_CASE_block_on_no_future
// EXPECT: kioto: BlockOn takes a future, as an rvalue: std::move(future) or a call that makes one
inline auto Refused() { return BlockOn(1); }
#endif

}  // namespace kioto
