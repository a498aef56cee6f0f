// stream.Chunks(n): the items in vectors of n, in order; what is left at the end comes as a shorter one. Never an empty one.
//
// A chunk that is not full waits for as long as it takes; with a limit in time: time::ChunksTimeout. CANCEL SAFE: Next(): yes:
// what has come stays in the stream.
#ifndef KIOTO_RUNTIME_FUTURE_STREAM_CHUNKS_H_
#define KIOTO_RUNTIME_FUTURE_STREAM_CHUNKS_H_

#include <algorithm>
#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include "kioto/runtime/base/check.h"
#include "kioto/runtime/future/internal/round.h"
#include "kioto/runtime/future/stream/stream_base.h"

namespace kioto {
namespace internal {

// Room that is made for items before they come: no more, whatever is claimed.
inline constexpr size_t kMostRoomAhead = 1024;

template <class S>
class [[nodiscard]] ChunksStream : public StreamAdapter<ChunksStream<S>, S, std::vector<typename S::Item>> {
  using Base = StreamAdapter<ChunksStream, S, std::vector<typename S::Item>>;

 public:
  using Item = typename Base::Item;

  ChunksStream(S&& source, size_t n) : Base(std::move(source)), n_(n) {
    KIOTO_CHECK(n > 0, "Chunks: a chunk has at least one item");
  }
  Poll<std::optional<Item>> PollNext(Context& cx) {
    while (!ended_ && items_.size() < n_) {
      RoundBudget budget(cx);
      auto item = this->source_.PollNext(cx);
      if (item.pending()) return kPending;
      ended_ = !item->has_value();
      if (ended_) break;
      if (items_.empty()) items_.reserve(std::min(n_, kMostRoomAhead));
      items_.push_back(std::move(**item));
      if (!budget.MayGoOn()) return kPending;
    }
    if (items_.empty()) return std::optional<Item>();
    return std::optional<Item>(std::exchange(items_, {}));
  }
  // What has come since the last chunk.
  const Item& pending_items() const { return items_; }
  bool ended() const { return items_.empty() && (ended_ || EndedOf(this->source_)); }
  SizeHint size_hint() const {
    const SizeHint items = SizeHint::Exactly(items_.size()) + (ended_ ? SizeHint::Exactly(0) : SizeHintOf(this->source_));
    SizeHint hint{Rounded(items.lower), std::nullopt};
    if (items.upper) hint.upper = Rounded(*items.upper);
    return hint;
  }

 private:
  size_t Rounded(size_t items) const { return items / n_ + (items % n_ != 0 ? 1 : 0); }

  const size_t n_;
  Item items_;
  bool ended_ = false;
};

}  // namespace internal

template <class Self, class T>
auto StreamBase<Self, T>::Chunks(size_t n) && {
  return internal::ChunksStream<Self>(self(), n);
}

}  // namespace kioto

#endif  // KIOTO_RUNTIME_FUTURE_STREAM_CHUNKS_H_
