// JoinMap<K, T>: tasks with keys, joined in the order in which they end. Dropping it aborts those that are left.
//
//   JoinMap<UserId, Status> sessions;
//   sessions.Spawn(user, Serve(std::move(stream)));         // who was there under that key is aborted and forgotten
//   sessions.Abort(user);
//   sessions.JoinNext()                                     // std::optional<Joined>: .key and .output
//
// K is hashed by absl::Hash. As JoinSet in all else.
#ifndef KIOTO_RUNTIME_TASK_JOIN_MAP_H_
#define KIOTO_RUNTIME_TASK_JOIN_MAP_H_

#include <cstddef>
#include <new>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "kioto/runtime/task/internal/joining.h"
#include "kioto/runtime/task/join_list.h"

namespace kioto {

// THREADS: any, one at a time. Futures made by it borrow it: it may not be moved meanwhile.
template <class K, class T = Unit, class Hash = typename absl::flat_hash_set<K>::hasher,
          class Eq = typename absl::flat_hash_set<K>::key_equal>
class JoinMap {
  // A task's entry, with its key behind it. The key is there while the entry has a task.
  struct Keyed {
    static constexpr size_t kKeyAt = (sizeof(internal::JoinEntry) + alignof(K) - 1) / alignof(K) * alignof(K);
    static constexpr size_t kBytes = kKeyAt + sizeof(K);
    static void* Place(internal::JoinEntry* entry) { return reinterpret_cast<char*>(entry) + kKeyAt; }
    static K& Key(internal::JoinEntry* entry) { return *std::launder(static_cast<K*>(Place(entry))); }
  };
  static_assert(alignof(K) <= 16, "kioto: the key of a JoinMap is aligned to 16 bytes at most: use a unique_ptr to it");

  struct HashEntry {
    using is_transparent = void;
    size_t operator()(internal::JoinEntry* entry) const { return Hash()(Keyed::Key(entry)); }
    template <class Q>
    size_t operator()(const Q& key) const {
      return Hash()(key);
    }
  };
  struct EqEntry {
    using is_transparent = void;
    using Entry = internal::JoinEntry;
    bool operator()(Entry* a, Entry* b) const { return Eq()(Keyed::Key(a), Keyed::Key(b)); }
    template <class Q>
    bool operator()(Entry* a, const Q& b) const {
      return Eq()(Keyed::Key(a), b);
    }
    template <class Q>
    bool operator()(const Q& a, Entry* b) const {
      return Eq()(a, Keyed::Key(b));
    }
  };

 public:
  struct Joined {
    K key;
    JoinOutput<T> output;
  };
  using Item = Joined;

  JoinMap() = default;
  JoinMap(JoinMap&&) = default;
  JoinMap& operator=(JoinMap&& other) noexcept {
    if (this != &other) {
      AbortAll();
      DetachAll();
      list_ = std::move(other.list_);
      entries_ = std::move(other.entries_);
      other.entries_.clear();
    }
    return *this;
  }
  // Aborts every task, without waiting.
  ~JoinMap() {
    if (entries_.empty()) return;
    AbortAll();
    DetachAll();
  }

  // As kioto::Spawn and so on, and joined here under `key`. A task that is there under it is aborted, and never joined, even
  // if it has ended already.
  template <class F>
  AbortHandle Spawn(K key, F&& future, TaskOptions options = {},
                    base::SourceLocation place = base::SourceLocation::Current()) {
    return Add(std::move(key), kioto::Spawn(std::forward<F>(future), std::move(options), place));
  }
  template <class On, class F>
  AbortHandle SpawnOn(const On& on, K key, F&& future, TaskOptions options = {},
                      base::SourceLocation place = base::SourceLocation::Current()) {
    return Add(std::move(key), on.Spawn(std::forward<F>(future), std::move(options), place));
  }
  template <class F>
  AbortHandle SpawnLocal(K key, F&& future, TaskOptions options = {},
                         base::SourceLocation place = base::SourceLocation::Current()) {
    return Add(std::move(key), kioto::SpawnLocal(std::forward<F>(future), std::move(options), place));
  }
  template <class Set, class F>
  AbortHandle SpawnLocalOn(Set& set, K key, F&& future, TaskOptions options = {},
                           base::SourceLocation place = base::SourceLocation::Current()) {
    return Add(std::move(key), set.SpawnLocal(std::forward<F>(future), std::move(options), place));
  }
  // Needs kioto/runtime/blocking/spawn_blocking.h.
  template <class Fn>
  AbortHandle SpawnBlocking(K key, Fn fn, TaskOptions options = {},
                            base::SourceLocation place = base::SourceLocation::Current()) {
    return Add(std::move(key), internal::MakeBlockingTask(std::move(fn), std::move(options), place));
  }
  template <class On, class Fn>
  AbortHandle SpawnBlockingOn(const On& on, K key, Fn fn, TaskOptions options = {},
                              base::SourceLocation place = base::SourceLocation::Current()) {
    auto entered = on.Enter();
    return Add(std::move(key), internal::MakeBlockingTask(std::move(fn), std::move(options), place));
  }
  // A task that was spawned elsewhere.
  AbortHandle Insert(K key, JoinHandle<T> handle) {
    if (auto it = entries_.find(key); it != entries_.end()) {
      internal::JoinEntry* old = *it;
      entries_.erase(it);
      internal::AbortTask(old->task());
      Keyed::Key(old).~K();
      list_.Forget(old);
    }
    internal::JoinEntry* entry = list_.New(Keyed::kBytes);
    ::new (Keyed::Place(entry)) K(std::move(key));
    entries_.insert(entry);
    internal::TaskHeader* task = std::move(handle).Release();
    list_.Start(entry, task);
    return AbortHandle(task);
  }

  // The key and the output of the next task to end; nullopt if there is none. CANCEL SAFE: yes.
  auto JoinNext() { return internal::NextJoined<JoinMap>(this); }
  // What has ended already; nullopt if nothing has. Asks for no budget, and leaves a JoinNext that waits alone.
  std::optional<Joined> TryJoinNext() {
    internal::JoinEntry* entry = list_.TakeReady();
    if (entry == nullptr) return std::nullopt;
    return Take(entry);
  }

  // Asks the task to end; it is joined as any other. Whether there is one under that key.
  template <class Q>
  bool Abort(const Q& key) {
    auto it = entries_.find(key);
    if (it == entries_.end()) return false;
    internal::AbortTask((*it)->task());
    return true;
  }
  // Every task for whose key `matches(const K&)`.
  template <class Matches>
  void AbortMatching(Matches matches) {
    list_.ForEach([&](internal::JoinEntry& entry) {
      if (matches(std::as_const(Keyed::Key(&entry)))) internal::AbortTask(entry.task());
    });
  }
  void AbortAll() { list_.AbortAll(); }
  // AbortAll, then waits until every task has ended, and forgets their outputs. CANCEL SAFE: yes, what is left is joined later.
  auto Shutdown() { return internal::JoinShutdown<JoinMap>(this); }
  // Lets every task go on alone.
  void DetachAll() {
    entries_.clear();
    list_.ForEach([](internal::JoinEntry& entry) { Keyed::Key(&entry).~K(); });
    list_.ForgetAll();
  }

  template <class Q>
  bool Contains(const Q& key) const {
    return entries_.contains(key);
  }
  bool ContainsTask(TaskId id) {
    bool found = false;
    list_.ForEach([&](internal::JoinEntry& entry) { found = found || entry.task()->id == id; });
    return found;
  }
  // Calls fn(const K&) for each key, in no order that means anything.
  template <class Fn>
  void ForEachKey(Fn fn) const {
    for (internal::JoinEntry* entry : entries_) fn(std::as_const(Keyed::Key(entry)));
  }

  // Tasks not yet joined, those that have ended included, those replaced not.
  size_t size() const { return list_.size(); }
  bool empty() const { return size() == 0; }
  size_t capacity() const { return entries_.capacity(); }
  void Reserve(size_t tasks) { entries_.reserve(tasks); }
  void ShrinkToFit() { entries_.rehash(0); }
  // The same, but keeps room for so many.
  void ShrinkTo(size_t tasks) {
    if (tasks >= capacity()) return;
    entries_.rehash(0);
    entries_.reserve(tasks);
  }

  // A stream that ends when the map is empty; it may be filled again. Only the last waker is woken.
  Poll<std::optional<Joined>> PollNext(Context& cx) {
    if (empty()) return std::optional<Joined>();
    internal::JoinEntry* entry = list_.PollReady(cx);
    if (entry == nullptr) return kPending;
    return std::optional<Joined>(Take(entry));
  }

 private:
  template <class U>
  AbortHandle Add(K key, JoinHandle<U> handle) {
    return Insert(std::move(key), internal::AsHandleOf<T>(std::move(handle)));
  }

  Joined Take(internal::JoinEntry* entry) {
    entries_.erase(entries_.find(entry));
    K key = std::move(Keyed::Key(entry));
    Keyed::Key(entry).~K();
    internal::TaskHeader* task = list_.Join(entry);
    return Joined{std::move(key), internal::TakeTaskOutput<T>(task)};
  }

  absl::flat_hash_set<internal::JoinEntry*, HashEntry, EqEntry> entries_;
  internal::JoinList list_;
};

}  // namespace kioto

#endif  // KIOTO_RUNTIME_TASK_JOIN_MAP_H_
