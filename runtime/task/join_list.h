// JoinList: the erased part of JoinSet and JoinMap: tasks that are joined in the order in which they end, each in O(1).
//
// Every task's join waker is an entry of the list. A task that completes pushes its entry, once, onto a stack, and wakes
// whoever waits; nothing is polled again to find out which one it was.
//
// STATE       one block, counted: the owner's reference, and one for each entry.
//             block.done    a stack of entries whose tasks have ended; pushed by anyone, taken whole by the owner
//             block.parent  the task that waits in JoinNext (a WakerSlot)
//             entry.state   references: one of the owner, one of the task's join waker
// OWNERSHIP   entry.next: the completer of the task until the push; the owner from the taking of the stack.
//             entry.task, entry's links in `all`, `ready`: the owner. A forgotten entry (task null) stays in `all` until its
//             push has come back; one whose task could be detached in time is never pushed, and goes at once.
// RACES       R1 completion against the owner's look: the owner registers first and takes the stack second, by an RMW; the
//                completer pushes first and wakes second.
//             R2 push against take: the taker takes all or nothing; an entry is pushed once, so there is no ABA.
//             R3 completion against the owner's end: DropJoin says who came first. A completer that is still to push has
//                its task's waker, hence the entry, hence the block; the push goes nowhere.
// COST        insert 1 allocation, 4 RMW; completion 1 RMW for the push, 1 or 2 on the parent's slot; join 1 RMW for all
//             that have ended since, and 3 references given back.
#ifndef KIOTO_RUNTIME_TASK_JOIN_LIST_H_
#define KIOTO_RUNTIME_TASK_JOIN_LIST_H_

#include <cstddef>
#include <cstdint>
#include <utility>

#include "kioto/runtime/base/atomic.h"
#include "kioto/runtime/base/intrusive_list.h"
#include "kioto/runtime/future/context.h"
#include "kioto/runtime/future/waker_slot.h"
#include "kioto/runtime/task/header.h"

namespace kioto::internal {

class JoinBlock;

// Made by JoinList::New, with room behind it for what the owner wants to know of the task.
class JoinEntry : public WakeTarget, public base::ListNode<> {
 public:
  // Null once forgotten, or joined.
  TaskHeader* task() const { return task_; }

 private:
  friend class JoinBlock;
  friend class JoinList;

  JoinEntry(JoinBlock* block, size_t bytes);
  ~JoinEntry() = default;
  static const VTable kVTable;

  JoinBlock* const block_;
  TaskHeader* task_ = nullptr;  // with the JoinHandle's interest and reference
  const size_t bytes_;
  base::Cell<JoinEntry*> next_;
};

// What completers touch.
class JoinBlock {
 public:
  void Ref() { refs_.fetch_add(1, std::memory_order_relaxed); }  // relaxed: made from a reference that is held
  void Unref();
  void Push(JoinEntry* entry);
  // The entries pushed since, the oldest first, linked by next.
  JoinEntry* TakeDone();

  WakerSlot parent;

 private:
  base::Atomic<JoinEntry*> done_{nullptr};
  base::Atomic<uint32_t> refs_{1};
};

// One thread at a time; what it calls of a task (Abort, the destructor of an output) may run user code, so no call of it may
// be made from there. One that was moved from is empty, and as good as a new one.
class JoinList {
 public:
  JoinList() : block_(new JoinBlock) {}
  JoinList(JoinList&& other) noexcept
      : block_(std::exchange(other.block_, nullptr)),
        size_(std::exchange(other.size_, 0)),
        ready_(std::exchange(other.ready_, nullptr)) {
    all_.Splice(other.all_);
  }
  JoinList& operator=(JoinList&& other) noexcept;
  // Aborts every task, and forgets it.
  ~JoinList();

  // A new entry of so many bytes, itself included.
  JoinEntry* New(size_t bytes);
  // Begins to wait for `task`, whose JoinHandle's interest and reference it takes over.
  void Start(JoinEntry* entry, TaskHeader* task);

  // The entry of a task that has ended and was not given before; null if there is none at the moment. Then Join it.
  JoinEntry* TakeReady();
  // The same for a future: null also means that cx.waker() will be woken, or that the budget is spent.
  JoinEntry* PollReady(Context& cx);
  // The task, with what the list owned of it; the entry is gone.
  TaskHeader* Join(JoinEntry* entry);

  // The task's output will not be wanted. Not of an entry that was given by TakeReady.
  void Forget(JoinEntry* entry);
  // The same for every task.
  void ForgetAll();
  void AbortAll();

  template <class Fn>
  void ForEach(Fn fn) {
    for (JoinEntry& entry : all_) {
      if (entry.task_ != nullptr) fn(entry);
    }
  }
  size_t size() const { return size_; }

 private:
  void Clear();

  JoinBlock* block_;            // null: moved from
  size_t size_ = 0;             // entries with a task
  JoinEntry* ready_ = nullptr;  // ended, not yet given, the oldest first, linked by next
  base::IntrusiveList<JoinEntry> all_;
};

}  // namespace kioto::internal

#endif  // KIOTO_RUNTIME_TASK_JOIN_LIST_H_
