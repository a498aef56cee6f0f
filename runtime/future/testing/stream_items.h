// What tests of streams share: streams that follow a list, and all items of a stream that is polled by hand.
#ifndef KIOTO_RUNTIME_FUTURE_TESTING_STREAM_ITEMS_H_
#define KIOTO_RUNTIME_FUTURE_TESTING_STREAM_ITEMS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <ostream>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "kioto/runtime/future/context.h"
#include "kioto/runtime/future/stream/size_hint.h"
#include "kioto/runtime/future/stream/stream_base.h"
#include "kioto/runtime/future/testing/polled_stream.h"

namespace kioto {

inline void PrintTo(const SizeHint& hint, std::ostream* out) {
  *out << hint.lower << "..";
  if (hint.upper) *out << *hint.upper;
}

// Claims as much as there can be, and has nothing.
class EndlessClaim : public StreamBase<EndlessClaim, int> {
 public:
  Poll<std::optional<int>> PollNext(Context&) { return kPending; }
  SizeHint size_hint() const { return {SIZE_MAX, SIZE_MAX}; }
};

// Pending once before its item.
class PendingOnceThen : public StreamBase<PendingOnceThen, int> {
 public:
  explicit PendingOnceThen(int item) : item_(item) {}
  Poll<std::optional<int>> PollNext(Context& cx) {
    if (!waited_) {
      waited_ = true;
      cx.waker().Wake();
      return kPending;
    }
    return std::exchange(item_, std::nullopt);
  }

 private:
  bool waited_ = false;
  std::optional<int> item_;
};

// The items that are there, up to the end or to a wait.
template <class S>
std::vector<typename S::Item> ItemsOf(PolledStream<S>& stream) {
  std::vector<typename S::Item> items;
  for (;;) {
    auto item = stream.Poll();
    if (item.pending() && stream.yielded()) continue;
    if (item.pending() || !item->has_value()) return items;
    items.push_back(std::move(**item));
  }
}
// All items of a stream that never waits.
template <class S>
std::vector<typename S::Item> ItemsOf(S stream) {
  PolledStream<S> polled(std::move(stream));
  auto items = ItemsOf(polled);
  EXPECT_TRUE(polled.Poll().ready()) << "the stream waits";
  return items;
}

}  // namespace kioto

#endif  // KIOTO_RUNTIME_FUTURE_TESTING_STREAM_ITEMS_H_
