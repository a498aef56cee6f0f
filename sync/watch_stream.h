// WatchStream: the values of a Watch as a stream, each a copy: the one of this moment first, then each new one.
//
//   ForEach(sync::WatchStream(config.Subscribe()), [&](Config& c) { return Apply(c); })
//   sync::WatchStream<Config>::Changes(config.Subscribe())       // without the first: only what is new
//
// Values that are replaced before the stream is polled are not seen. It ends when all senders are gone and the last value was
// given. Movable at any time. CANCEL SAFE: Next(): yes. THREADS: as a WatchReceiver.
#ifndef KIOTO_SYNC_WATCH_STREAM_H_
#define KIOTO_SYNC_WATCH_STREAM_H_

#include <optional>
#include <utility>

#include "kioto/runtime/future/stream/stream_base.h"
#include "kioto/sync/watch.h"

namespace kioto::sync {

template <class T>
class [[nodiscard]] WatchStream : public StreamBase<WatchStream<T>, T> {
 public:
  explicit WatchStream(WatchReceiver<T> receiver) : WatchStream(std::move(receiver), /*first=*/true) {}
  static WatchStream Changes(WatchReceiver<T> receiver) { return WatchStream(std::move(receiver), /*first=*/false); }

  WatchStream(WatchStream&& other) noexcept : receiver_(std::move(other.receiver_)), first_(other.first_) { other.changed_.reset(); }

  Poll<std::optional<T>> PollNext(Context& cx) {
    if (first_) {
      if (!cx.ConsumeBudget()) return kPending;
      first_ = false;
    } else {
      if (!changed_) changed_.emplace(receiver_.Changed());
      auto changed = changed_->PollOnce(cx);
      if (changed.pending()) return kPending;
      changed_.reset();
      if (!changed->ok()) return std::optional<T>();
    }
    return std::optional<T>(*receiver_.BorrowAndUpdate());
  }
  void Describe(WaitTrace& trace) const { trace.Leaf("watch::Changed"); }

 private:
  WatchStream(WatchReceiver<T> receiver, bool first) : receiver_(std::move(receiver)), first_(first) {}

  WatchReceiver<T> receiver_;
  bool first_;
  std::optional<typename WatchReceiver<T>::ChangedFuture> changed_;  // borrows receiver_
};

}  // namespace kioto::sync

#endif  // KIOTO_SYNC_WATCH_STREAM_H_
