// Publish and subscribe. The Hub knows who listens to which channel; a Mailbox holds what one subscriber has not been sent
// yet, ready to be written.
//
// A subscriber that does not read costs no more than its backlog here, and as much again that is being written to it: a message
// that finds no room in the backlog overflows the mailbox, and the connection is cut, whatever it is doing. Publishing never
// waits for anybody to read. Messages are put into mailboxes under the hub's lock: when Unsubscribe has returned no more comes
// from that channel. Threads: any.
#ifndef KIOTO_TOOLS_EXAMPLES_MINI_REDIS_PUBSUB_H_
#define KIOTO_TOOLS_EXAMPLES_MINI_REDIS_PUBSUB_H_

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "kioto/sync/cancellation_token.h"
#include "kioto/sync/notify.h"

namespace mini_redis {

// [region mailbox]
class Mailbox {
 public:
  explicit Mailbox(size_t max_backlog) : max_backlog_(max_backlog) {}

  // Adds a message if there is room for it, which is the answer; and then, with no lock held, tells the subscriber. Many that
  // come before it wakes are one wake and one write.
  [[nodiscard]] bool Add(absl::string_view message);
  void Tell(bool added);
  // Moves what has come behind `out`.
  void TakeTo(std::string& out);

  // Ready when something has come since the last time.
  kioto::sync::NotifiedFuture Arrived() { return arrived_.Notified(); }
  // Cancelled when there was too much.
  const kioto::sync::CancellationToken& overflow() const { return overflow_; }

 private:
  const size_t max_backlog_;
  absl::Mutex mutex_;
  std::string waiting_ ABSL_GUARDED_BY(mutex_);
  kioto::sync::Notify arrived_;
  kioto::sync::CancellationToken overflow_;
};
// [end mailbox]

class Hub {
 public:
  // Whether it is new.
  void Subscribe(absl::string_view channel, std::shared_ptr<Mailbox> mailbox);
  void Unsubscribe(absl::string_view channel, const Mailbox* mailbox);
  // To how many it went.
  size_t Publish(absl::string_view channel, absl::string_view message);
  size_t channels();

 private:
  absl::Mutex mutex_;
  absl::flat_hash_map<std::string, std::vector<std::shared_ptr<Mailbox>>> channels_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace mini_redis

#endif  // KIOTO_TOOLS_EXAMPLES_MINI_REDIS_PUBSUB_H_
