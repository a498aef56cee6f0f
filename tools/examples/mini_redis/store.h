// Store: the numbered databases. A database is 64 shards, each a hash table with a lock of its own: commands on different
// keys do not wait for each other, and a table that grows stops nobody for longer than a 64th of it takes.
//
//   Locked keys = store.database(0).Lock(key);          // nothing may be awaited while it lives
//   if (Entry* entry = keys.Find(key)) reply.Bulk(entry->value());
//
// Expiry: each shard keeps the deadlines of its keys in order. A key that is over is not found from that moment on; its
// memory is taken back by the one task that runs ExpireForever.
// Threads: any.
#ifndef KIOTO_TOOLS_EXAMPLES_MINI_REDIS_STORE_H_
#define KIOTO_TOOLS_EXAMPLES_MINI_REDIS_STORE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_set.h"
#include "absl/hash/hash.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/types/span.h"
#include "kioto/runtime/future/future.h"
#include "kioto/sync/notify.h"
#include "kioto/tools/examples/mini_redis/entry.h"

namespace mini_redis {

class Store;

namespace internal {

struct KeyHash {
  using is_transparent = void;
  size_t operator()(absl::string_view key) const { return absl::HashOf(key); }
  size_t operator()(const Entry* entry) const { return (*this)(entry->key()); }
};

struct KeyEqual {
  using is_transparent = void;
  static absl::string_view KeyOf(absl::string_view key) { return key; }
  static absl::string_view KeyOf(const Entry* entry) { return entry->key(); }
  template <class A, class B>
  bool operator()(const A& a, const B& b) const {
    return KeyOf(a) == KeyOf(b);
  }
};

struct Shard {
  Shard() = default;
  ~Shard() { Clear(); }
  void Clear();
  void SetDeadline(Entry* entry, Millis deadline);

  absl::Mutex mutex;
  // What follows is the lock's.
  absl::flat_hash_set<Entry*, KeyHash, KeyEqual> entries;
  absl::btree_set<std::pair<Millis, Entry*>> deadlines;
};

}  // namespace internal

class Database;

// The shards of some keys, locked. Give it back soon: every method may be called only for those keys.
class Locked {
 public:
  Locked(Database& database, uint64_t shards);
  Locked(const Locked&) = delete;
  Locked& operator=(const Locked&) = delete;
  ~Locked();

  // The key's entry; null if there is none, or its time is over. Good until the next call that is not Find.
  Entry* Find(absl::string_view key);
  // Makes or replaces it. The deadline is forgotten, or kept.
  enum class Deadline { kForget, kKeep };
  Entry* Set(absl::string_view key, absl::string_view value, Deadline deadline = Deadline::kForget);
  // Makes it if need be. Room is doubled, so that each byte is moved a constant number of times.
  Entry* Append(absl::string_view key, absl::string_view more);
  void SetDeadline(Entry* entry, Millis deadline);  // kNever: none
  void Erase(Entry* entry);

 private:
  internal::Shard& ShardOf(absl::string_view key) const;
  void Replace(internal::Shard& shard, Entry* old, Entry* entry);

  Database& database_;
  const uint64_t shards_;  // a bit each
  Millis earliest_;        // of the deadlines that were set
};

class Database {
 public:
  static constexpr size_t kShards = 64;

  explicit Database(Store& store) : store_(store) {}

  // [region lock]
  Locked Lock(absl::string_view key) { return Locked(*this, uint64_t{1} << ShardIndex(key)); }
  // Every `step`th of the keys, so that the whole command is one step for everybody else.
  Locked Lock(absl::Span<const absl::string_view> keys, size_t step = 1) {
    uint64_t shards = 0;
    for (size_t i = 0; i < keys.size(); i += step) shards |= uint64_t{1} << ShardIndex(keys[i]);
    return Locked(*this, shards);
  }
  // [end lock]

  // Those whose time is over may be among them until their memory is taken back.
  size_t size();
  size_t expiring();  // keys with a deadline
  void Clear();
  // fn(key) for each key, shard by shard, under its lock.
  template <class Fn>
  void ForEachKey(Fn fn);

 private:
  friend class Locked;
  friend class Store;

  // The table looks at the low bits of the same hash.
  static size_t ShardIndex(absl::string_view key) { return internal::KeyHash()(key) >> 58; }
  // Deletes what is over, a few keys at a time; gives the earliest deadline that is left.
  Millis Expire(Millis now);

  Store& store_;
  std::array<internal::Shard, kShards> shards_;
};

class Store {
 public:
  static constexpr size_t kDatabases = 16;

  Store();

  Database& database(size_t index) { return *databases_[index]; }

  // The time, by the runtime's clock, which only goes forward.
  Millis Now() const;
  bool IsOver(Millis deadline) const { return deadline != kNever && Now() > deadline; }

  // Deletes keys when their time is over; never ready. For one task.
  kioto::Future<kioto::Unit> ExpireForever();

 private:
  friend class Locked;

  // Sees to it that ExpireForever looks again at `deadline`. Not with a shard's lock held.
  void PlanExpiry(Millis deadline);
  // One look at everything; the moment of the next one.
  Millis ExpireOnce();

  const Millis epoch_;  // by the system's clock, when the runtime's was at zero
  std::vector<std::unique_ptr<Database>> databases_;
  absl::Mutex plan_mutex_;
  Millis planned_ ABSL_GUARDED_BY(plan_mutex_);
  kioto::sync::Notify replanned_;
};

template <class Fn>
void Database::ForEachKey(Fn fn) {
  const Millis now = store_.Now();
  for (internal::Shard& shard : shards_) {
    absl::MutexLock lock(&shard.mutex);
    for (const Entry* entry : shard.entries) {
      if (entry->deadline() == kNever || entry->deadline() >= now) fn(entry->key());
    }
  }
}

}  // namespace mini_redis

#endif  // KIOTO_TOOLS_EXAMPLES_MINI_REDIS_STORE_H_
