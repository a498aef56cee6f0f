// State: what all connections share; Client: what one of them has said about itself.
#ifndef KIOTO_TOOLS_EXAMPLES_MINI_REDIS_STATE_H_
#define KIOTO_TOOLS_EXAMPLES_MINI_REDIS_STATE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/container/btree_set.h"
#include "kioto/runtime/base/atomic.h"
#include "kioto/runtime/task/task_tracker.h"
#include "kioto/sync/cancellation_token.h"
#include "kioto/time/instant.h"
#include "kioto/tools/examples/mini_redis/options.h"
#include "kioto/tools/examples/mini_redis/pubsub.h"
#include "kioto/tools/examples/mini_redis/store.h"

namespace mini_redis {

// A number for people: nothing is decided by it. Threads: any.
class Counter {
 public:
  uint64_t Add(uint64_t n) {
    return count_.fetch_add(n, std::memory_order_relaxed) + n;  // relaxed: orders nothing
  }
  uint64_t value() const {
    return count_.load(std::memory_order_relaxed);  // relaxed: the same
  }

 private:
  kioto::base::Atomic<uint64_t> count_{0};
};

struct State {
  explicit State(const Options& with) : options(with) {}

  const Options options;
  const kioto::time::Instant started = kioto::time::Instant::Now();
  int port = 0;  // the one that was bound
  Store store;
  Hub hub;
  kioto::TaskTracker clients, background;
  kioto::sync::CancellationToken stop;  // finish what has been read, then leave
  kioto::sync::CancellationToken kill;  // leave
  Counter connections, commands, refused, overflowed;
};

struct Client {
  uint64_t id = 0;
  std::string name;
  std::string address;
  size_t database = 0;
  absl::btree_set<std::string> channels;
  std::shared_ptr<Mailbox> mailbox;
  bool closing = false;  // when what was replied is sent
};

}  // namespace mini_redis

#endif  // KIOTO_TOOLS_EXAMPLES_MINI_REDIS_STATE_H_
