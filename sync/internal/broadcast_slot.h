// BroadcastSlot<T>: a place in a broadcast's ring: its word (broadcast_core.h), and the value.
//
// There are two kinds. In general receivers are counted, since the last one takes the value out, and who copies says so. A value
// of a few plain words needs nobody's care: it is read, and thrown away if a sender was there meanwhile (a seqlock, R6). Such a
// receive writes nothing that others see but its position, and a receiver that stands still there keeps no sender waiting.
#ifndef KIOTO_SYNC_INTERNAL_BROADCAST_SLOT_H_
#define KIOTO_SYNC_INTERNAL_BROADCAST_SLOT_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <optional>
#include <type_traits>
#include <utility>

#include "kioto/runtime/base/atomic.h"
#include "kioto/runtime/base/mutant.h"
#include "kioto/runtime/base/status.h"
#include "kioto/runtime/future/poll.h"
#include "kioto/sync/internal/broadcast_core.h"

namespace kioto::sync::internal {

template <class T>
inline constexpr bool kIsPlainWords =
    std::is_trivially_copyable_v<T> && std::is_copy_constructible_v<T> && sizeof(T) <= 4 * sizeof(uint64_t);

template <class T, bool plain = kIsPlainWords<T>>
class BroadcastSlot {
 public:
  BroadcastSlot() = default;
  ~BroadcastSlot() {
    if (word_.full()) value().~T();
  }

  // A sender at lap `lap`; `needed` receivers are to get the value.
  template <class U>
  void Write(uint64_t lap, uint64_t needed, U&& value) {
    std::optional<T> old;  // destroyed when the slot is nobody's
    struct Publish {       // also when the copy throws: then the position is skipped
      ~Publish() { slot.word_.Publish(lap, needed, full); }
      BroadcastSlot& slot;
      uint64_t lap;
      uint64_t needed;
      bool full = false;
    };
    const bool overwrites = word_.BeginWrite(lap);
    Publish publish{*this, lap, needed};
    if (overwrites) MoveTo(old);
    new (bytes_) T(std::forward<U>(value));
    publish.full = true;
  }

  // What a receiver at lap `lap` finds there: then Copy, or Take.
  struct Found {};
  BroadcastWord::Look Begin(uint64_t lap, Found&) { return word_.Begin(lap); }
  Poll<StatusOr<T>> Copy() {
    std::optional<T> old;
    Copying copying{*this, old};
    return StatusOr<T>(value());
  }
  Poll<StatusOr<T>> Take(Found&) {
    std::optional<T> taken;
    MoveOut(taken);
    return StatusOr<T>(*std::move(taken));
  }

  // A receiver goes that would have read it, if the kind counts receivers.
  static constexpr bool kCounted = true;
  void PassBy(uint64_t lap) {
    std::optional<T> old;
    if (word_.PassBy(lap)) MoveOut(old);
  }

 private:
  struct Copying {
    ~Copying() {
      if (slot.word_.FinishCopy()) slot.MoveOut(old);
    }
    BroadcastSlot& slot;
    std::optional<T>& old;
  };

  T& value() { return *std::launder(reinterpret_cast<T*>(bytes_)); }
  void MoveTo(std::optional<T>& to) {
    struct Destroy {
      ~Destroy() { slot.value().~T(); }
      BroadcastSlot& slot;
    } destroy{*this};
    to.emplace(std::move(value()));
  }
  void MoveOut(std::optional<T>& to) {
    struct Finish {
      ~Finish() { slot.word_.FinishTake(); }
      BroadcastSlot& slot;
    } finish{*this};
    MoveTo(to);
  }

  BroadcastWord word_;
  alignas(T) unsigned char bytes_[sizeof(T)];
};

template <class T>
class BroadcastSlot<T, true> {
 public:
  void Write(uint64_t lap, uint64_t /*needed*/, T value) {
    uint64_t words[kWords] = {};
    std::memcpy(words, std::addressof(value), sizeof(T));
    word_.BeginWords(lap);
    for (size_t i = 0; i < kWords; ++i) {
      // release: pairs with Begin's acquire (R6).
      words_[i].store(words[i], KIOTO_ORDER("broadcast.words_order", std::memory_order_release));
    }
    word_.Publish(lap, /*needed=*/0, /*full=*/true);
  }

  // What a receiver has read: the value, in words.
  using Found = uint64_t[(sizeof(T) + sizeof(uint64_t) - 1) / sizeof(uint64_t)];
  BroadcastWord::Look Begin(uint64_t lap, Found& words) const {
    const BroadcastWord::Look look = word_.Peek(lap);
    if (look != BroadcastWord::Look::kTake) return look;
    // acquire: pairs with Write's release.
    for (size_t i = 0; i < kWords; ++i) words[i] = words_[i].load(std::memory_order_acquire);
    return KIOTO_MUTANT("broadcast.look_once") ? look : word_.Peek(lap);
  }
  Poll<StatusOr<T>> Take(const Found& words) {
    alignas(T) unsigned char bytes[sizeof(T)];
    std::memcpy(bytes, words, sizeof(T));
    return Poll<StatusOr<T>>(*std::launder(reinterpret_cast<T*>(bytes)));
  }
  Poll<StatusOr<T>> Copy() { return kPending; }  // never: it is taken

  static constexpr bool kCounted = false;
  void PassBy(uint64_t /*lap*/) {}

 private:
  static constexpr size_t kWords = sizeof(Found) / sizeof(uint64_t);

  BroadcastWord word_;
  base::Atomic<uint64_t> words_[kWords];
};

}  // namespace kioto::sync::internal

#endif  // KIOTO_SYNC_INTERNAL_BROADCAST_SLOT_H_
