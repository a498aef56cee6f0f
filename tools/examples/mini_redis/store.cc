#include "kioto/tools/examples/mini_redis/store.h"

#include <algorithm>
#include <chrono>
#include <limits>

#include "kioto/time/instant.h"
#include "kioto/time/sleep.h"

namespace mini_redis {
namespace {

using kioto::time::Instant;

constexpr Millis kNothingPlanned = std::numeric_limits<Millis>::max();
// Keys deleted under a lock at a time.
constexpr size_t kExpireAtOnce = 128;
// Appending gives a value as much room again, at most so much.
constexpr size_t kMaxSpareRoom = size_t{1} << 20;
// A shorter value stays in the room of the longer one unless that wastes more.
constexpr size_t kMaxWaste = 64;

Millis SystemMillis() {
  using std::chrono::duration_cast;
  return duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

Millis InstantMillis() { return Instant::Now().nanos() / 1'000'000; }

}  // namespace

namespace internal {

void Shard::Clear() {
  for (Entry* entry : entries) entry->Delete();
  entries = {};
  deadlines.clear();
}

void Shard::SetDeadline(Entry* entry, Millis deadline) {
  if (entry->deadline() != kNever) deadlines.erase({entry->deadline(), entry});
  entry->set_deadline(deadline);
  if (deadline != kNever) deadlines.insert({deadline, entry});
}

}  // namespace internal

// The locks are taken in one order, so that no two commands wait for each other.
Locked::Locked(Database& database, uint64_t shards) ABSL_NO_THREAD_SAFETY_ANALYSIS : database_(database),
                                                                                     shards_(shards),
                                                                                     earliest_(kNothingPlanned) {
  for (uint64_t left = shards_; left != 0; left &= left - 1) {
    database_.shards_[static_cast<size_t>(__builtin_ctzll(left))].mutex.Lock();
  }
}

Locked::~Locked() ABSL_NO_THREAD_SAFETY_ANALYSIS {
  for (uint64_t left = shards_; left != 0; left &= left - 1) {
    database_.shards_[static_cast<size_t>(__builtin_ctzll(left))].mutex.Unlock();
  }
  if (earliest_ != kNothingPlanned) database_.store_.PlanExpiry(earliest_);
}

internal::Shard& Locked::ShardOf(absl::string_view key) const { return database_.shards_[Database::ShardIndex(key)]; }

Entry* Locked::Find(absl::string_view key) {
  internal::Shard& shard = ShardOf(key);
  const auto found = shard.entries.find(key);
  if (found == shard.entries.end()) return nullptr;
  Entry* entry = *found;
  if (!database_.store_.IsOver(entry->deadline())) return entry;
  Erase(entry);
  return nullptr;
}

Entry* Locked::Set(absl::string_view key, absl::string_view value, Deadline deadline) {
  Entry* old = Find(key);
  internal::Shard& shard = ShardOf(key);
  Entry* entry = old;
  if (old == nullptr || old->capacity() < value.size() || old->capacity() > value.size() * 2 + kMaxWaste) {
    entry = Entry::New(key, value.size());
    Replace(shard, old, entry);
  }
  entry->SetValue(value);
  if (deadline == Deadline::kForget && entry->deadline() != kNever) shard.SetDeadline(entry, kNever);
  return entry;
}

Entry* Locked::Append(absl::string_view key, absl::string_view more) {
  Entry* old = Find(key);
  if (old == nullptr) return Set(key, more);
  const size_t size = old->value().size() + more.size();
  if (size <= old->capacity()) {
    old->Append(more);
    return old;
  }
  Entry* entry = Entry::New(key, size + std::min(size, kMaxSpareRoom));
  entry->SetValue(old->value());
  entry->Append(more);
  Replace(ShardOf(key), old, entry);
  return entry;
}

// `entry` takes the place of `old`, if there is one, and its deadline.
void Locked::Replace(internal::Shard& shard, Entry* old, Entry* entry) {
  if (old == nullptr) {
    shard.entries.insert(entry);
    return;
  }
  const Millis deadline = old->deadline();
  *const_cast<Entry**>(&*shard.entries.find(old)) = entry;  // the same key: the same hash
  shard.SetDeadline(old, kNever);
  shard.SetDeadline(entry, deadline);
  old->Delete();
}

void Locked::SetDeadline(Entry* entry, Millis deadline) {
  ShardOf(entry->key()).SetDeadline(entry, deadline);
  if (deadline != kNever) earliest_ = std::min(earliest_, deadline);
}

void Locked::Erase(Entry* entry) {
  internal::Shard& shard = ShardOf(entry->key());
  shard.SetDeadline(entry, kNever);
  shard.entries.erase(entry);
  entry->Delete();
}

size_t Database::size() {
  size_t size = 0;
  for (internal::Shard& shard : shards_) {
    absl::MutexLock lock(&shard.mutex);
    size += shard.entries.size();
  }
  return size;
}

size_t Database::expiring() {
  size_t count = 0;
  for (internal::Shard& shard : shards_) {
    absl::MutexLock lock(&shard.mutex);
    count += shard.deadlines.size();
  }
  return count;
}

void Database::Clear() {
  for (internal::Shard& shard : shards_) {
    absl::MutexLock lock(&shard.mutex);
    shard.Clear();
  }
}

Millis Database::Expire(Millis now) {
  Millis next = kNothingPlanned;
  for (internal::Shard& shard : shards_) {
    absl::MutexLock lock(&shard.mutex);
    for (size_t n = 0; n < kExpireAtOnce && !shard.deadlines.empty(); ++n) {
      const auto first = *shard.deadlines.begin();
      if (first.first >= now) break;
      shard.deadlines.erase(shard.deadlines.begin());
      shard.entries.erase(first.second);
      first.second->Delete();
    }
    if (!shard.deadlines.empty()) next = std::min(next, shard.deadlines.begin()->first);
  }
  return next;
}

Store::Store() : epoch_(SystemMillis() - InstantMillis()), planned_(kNothingPlanned) {
  for (size_t i = 0; i < kDatabases; ++i) databases_.push_back(std::make_unique<Database>(*this));
}

Millis Store::Now() const { return epoch_ + InstantMillis(); }

void Store::PlanExpiry(Millis deadline) {
  {
    absl::MutexLock lock(&plan_mutex_);
    if (deadline >= planned_) return;
    planned_ = deadline;
  }
  replanned_.NotifyOne();
}

Millis Store::ExpireOnce() {
  {
    // From here on every new deadline is told; those before are found below.
    absl::MutexLock lock(&plan_mutex_);
    planned_ = kNothingPlanned;
  }
  const Millis now = Now();
  Millis next = kNothingPlanned;
  for (auto& database : databases_) next = std::min(next, database->Expire(now));
  absl::MutexLock lock(&plan_mutex_);
  planned_ = std::min(planned_, next);
  return planned_;
}

// [region expiry]
kioto::Future<kioto::Unit> Store::ExpireForever() {
  return kioto::Loop([this] {
    const Millis next = ExpireOnce();
    // A key lives through the millisecond of its deadline.
    const Millis wait = next == kNothingPlanned ? next : std::max<Millis>(next + 1 - Now(), 0);
    return kioto::Select(kioto::Case(kioto::Sleep(std::chrono::milliseconds(wait)), [] {}),
                         kioto::Case(replanned_.Notified(), [] {}))
        .Then([] { return kioto::YieldNow(); });
  });
}
// [end expiry]

}  // namespace mini_redis
