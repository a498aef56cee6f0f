// StreamMap<K, S>: many streams, each with a key, as one: what they give as it comes, beside the key of where it came from.
//
//   StreamMap<std::string, sync::MpscReceiver<Message>> rooms;
//   rooms.Insert("general", std::move(receiver));
//   With(std::move(rooms), [](auto& rooms) {
//     return ForEach(ByRef(rooms), [&](auto& from) { Show(from.key, from.item); });      // ends when no stream is left
//   });
//
// Each poll begins at one chosen by chance, so that none starves the others, and asks all of them until one has an item: for
// tens or hundreds of streams. One that ends goes out silently: .NotifyEnd() makes its end an item. The map says nullopt when
// it is empty; it may be filled again, and polled again.
//
// Streams of different types: StreamMap<K, Stream<T>>. A stream stays where it is until it is removed: Remove and the return of
// Insert move it, which only a stream may suffer that can be moved after its first poll; Erase destroys it on the spot.
// CANCEL SAFE: Next(), NextMany(): yes. THREADS: one at a time. COST: an allocation for each stream; look-ups are O(n).
#ifndef KIOTO_RUNTIME_FUTURE_STREAM_STREAM_MAP_H_
#define KIOTO_RUNTIME_FUTURE_STREAM_STREAM_MAP_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "kioto/runtime/future/future_base.h"
#include "kioto/runtime/future/stream/stream_base.h"

namespace kioto {

template <class K, class S>
class StreamMap;

// An item, and the key of the stream that gave it.
template <class K, class T>
struct Keyed {
  K key;
  T item;
};

namespace internal {

template <class M>
class [[nodiscard]] NextManyFuture : public FutureBase<NextManyFuture<M>, size_t> {
 public:
  static constexpr bool kMovable = true;
  static constexpr bool kLocal = IsLocalFuture<M>;

  NextManyFuture(M& map, std::vector<typename M::Item>& out, size_t limit) : map_(&map), out_(&out), limit_(limit) {}
  Poll<size_t> PollOnce(Context& cx) { return map_->PollNextMany(cx, *out_, limit_); }
  void Describe(WaitTrace& trace) const { trace.Child(*map_); }

 private:
  M* map_;
  std::vector<typename M::Item>* out_;
  const size_t limit_;
};

}  // namespace internal

template <class K, class S>
class [[nodiscard]] StreamMap : public StreamBase<StreamMap<K, S>, Keyed<K, typename S::Item>> {
 public:
  using Item = Keyed<K, typename S::Item>;
  static constexpr bool kLocal = IsLocalFuture<S>;
  static constexpr bool kLosesData = LosesDataWhenDropped<S>;

  struct Entry {
    const K key;
    S stream;
  };
  class Iterator {  // over the entries, in no particular order
   public:
    explicit Iterator(const std::unique_ptr<Entry>* at) : at_(at) {}
    Entry& operator*() const { return **at_; }
    Entry* operator->() const { return at_->get(); }
    Iterator& operator++() {
      ++at_;
      return *this;
    }
    friend bool operator!=(Iterator a, Iterator b) { return a.at_ != b.at_; }
    friend bool operator==(Iterator a, Iterator b) { return a.at_ == b.at_; }

   private:
    const std::unique_ptr<Entry>* at_;
  };

  StreamMap() = default;
  explicit StreamMap(size_t capacity) { entries_.reserve(capacity); }

  // Gives back the stream that had the key before.
  std::optional<S> Insert(K key, S stream) {
    std::optional<S> before = Remove(key);
    entries_.push_back(std::unique_ptr<Entry>(new Entry{std::move(key), std::move(stream)}));
    return before;
  }
  // Takes the stream of a key out, as it stands.
  template <class Q>
  std::optional<S> Remove(const Q& key) {
    const size_t i = Find(key);
    if (i == entries_.size()) return std::nullopt;
    std::optional<S> stream(std::move(entries_[i]->stream));
    EraseAt(i);
    return stream;
  }
  // Destroys the stream of a key. False: there is none.
  template <class Q>
  bool Erase(const Q& key) {
    const size_t i = Find(key);
    if (i == entries_.size()) return false;
    EraseAt(i);
    return true;
  }
  void Clear() { entries_.clear(); }

  // Whatever can be compared with a K.
  template <class Q>
  bool Contains(const Q& key) const {
    return Find(key) != entries_.size();
  }
  size_t size() const { return entries_.size(); }
  bool empty() const { return entries_.empty(); }
  size_t capacity() const { return entries_.capacity(); }
  // Good until a stream is inserted or goes out.
  Iterator begin() const { return Iterator(entries_.data()); }
  Iterator end() const { return Iterator(entries_.data() + entries_.size()); }

  Poll<std::optional<Item>> PollNext(Context& cx) {
    if (empty()) return std::optional<Item>();
    std::optional<Item> found;
    Round(cx, cx.Random(static_cast<uint32_t>(size())), [&found](Item item) {
      found.emplace(std::move(item));
      return false;
    });
    if (found || empty()) return found;
    return kPending;
  }

  // Appends 1 to `limit` items to `out`, one of each stream in turn, as long as there are any; gives their number. 0 only if
  // the map is empty or limit is 0. Borrows the vector.
  auto NextMany(std::vector<Item>& out, size_t limit) & { return internal::NextManyFuture<StreamMap>(*this, out, limit); }
  Poll<size_t> PollNextMany(Context& cx, std::vector<Item>& out, size_t limit) {
    if (limit == 0 || empty()) return size_t{0};
    size_t added = 0;
    size_t at = cx.Random(static_cast<uint32_t>(size()));
    for (size_t before = SIZE_MAX; before != added && added < limit && !empty();) {
      before = added;
      at = Round(cx, at, [&](Item item) {
        out.push_back(std::move(item));
        return ++added < limit;
      });
    }
    if (added > 0 || empty()) return added;
    return kPending;
  }

  bool ended() const { return empty(); }
  SizeHint size_hint() const {
    SizeHint hint = SizeHint::Exactly(0);
    for (const auto& entry : entries_) hint = hint + SizeHintOf(entry->stream);
    return hint;
  }
  void Describe(WaitTrace& trace) const {
    const WaitTrace::Below below = trace.Node("StreamMap");
    for (const auto& entry : entries_) trace.Child(entry->stream);
  }

 private:
  template <class Q>
  size_t Find(const Q& key) const {
    size_t i = 0;
    while (i < entries_.size() && !(entries_[i]->key == key)) ++i;
    return i;
  }
  // The last one takes its place.
  void EraseAt(size_t i) {
    const std::unique_ptr<Entry> gone = std::exchange(entries_[i], nullptr);  // destroyed when the map is whole again
    if (i + 1 != entries_.size()) entries_[i] = std::move(entries_.back());
    entries_.pop_back();
  }

  // Asks each stream once, from `at` on, until take(item) says false. What has ended goes out. Gives where the next round begins.
  template <class Take>
  size_t Round(Context& cx, size_t at, Take take) {
    for (size_t left = entries_.size(); left > 0; --left) {
      Entry& entry = *entries_[at];
      auto item = entry.stream.PollNext(cx);
      if (item.ready() && !item->has_value()) {
        at = EndAt(at, left);
        continue;
      }
      const bool more = item.pending() || take(Item{entry.key, std::move(**item)});
      at = at + 1 < entries_.size() ? at + 1 : 0;
      if (!more) break;
    }
    return at;
  }
  // The stream at `at` has ended; it is the first of `left` that were not asked yet. Gives the next of them.
  size_t EndAt(size_t at, size_t left) {
    const size_t last = entries_.size() - 1;
    EraseAt(at);
    if (at == last) return 0;
    if (at + left > last) return at;  // there lies now what was the last, and not asked
    return at + 1 < last ? at + 1 : 0;
  }

  std::vector<std::unique_ptr<Entry>> entries_;
};

}  // namespace kioto

#endif  // KIOTO_RUNTIME_FUTURE_STREAM_STREAM_MAP_H_
