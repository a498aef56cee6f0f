// What channels and cells refuse: each case gives exactly one error, the sentence.
#include <memory>
#include <string>
#include <utility>

#include "kioto/runtime/future/future.h"
#include "kioto/sync/block_on.h"
#include "kioto/sync/call.h"
#include "kioto/sync/reusable_box.h"
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

#ifdef KIOTO_NC_CASE_until_no_future
// EXPECT: kioto: Until takes a token and a future, which it stops when the token is cancelled
inline auto Refused(CancellationToken stop) { return Until(std::move(stop), 1); }
#endif

#ifdef KIOTO_NC_CASE_block_on_no_future
// EXPECT: kioto: BlockOn takes a future, as an rvalue: std::move(future) or a call that makes one
inline auto Refused() { return BlockOn(1); }
#endif

}  // namespace kioto
