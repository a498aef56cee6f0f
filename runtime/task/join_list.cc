#include "kioto/runtime/task/join_list.h"

#include <new>

#include "kioto/runtime/base/check.h"
#include "kioto/runtime/base/memory_cache.h"
#include "kioto/runtime/base/mutant.h"
#include "kioto/runtime/task/scheduler.h"

namespace kioto::internal {
namespace {

// Gives back what a JoinHandle owns of `task`; if it has failed, that is told. Whether the task had ended, so that its join waker
// was woken, or is about to be.
bool LetGo(TaskHeader* task) {
  if (task->DropJoin() == TaskState::ToDetached::kDetached) return false;
  DropUnreadOutput(task);
  task->Unref();
  return true;
}

}  // namespace

// --- JoinEntry, JoinBlock: also on the threads of completers ---------------------------------------------------------------

const WakeTarget::VTable JoinEntry::kVTable = {
    [](WakeTarget* target) {
      auto* entry = static_cast<JoinEntry*>(target);
      entry->block_->Push(entry);
    },
    [](WakeTarget* target) {
      auto* entry = static_cast<JoinEntry*>(target);
      JoinBlock* block = entry->block_;
      const size_t bytes = entry->bytes_;
      entry->~JoinEntry();
      base::CacheFree(entry, bytes);
      block->Unref();
    },
    [](WakeTarget* target) {
      auto* entry = static_cast<JoinEntry*>(target);
      entry->block_->Push(entry);
      entry->Unref();
    },
};

JoinEntry::JoinEntry(JoinBlock* block, size_t bytes)
    : WakeTarget(&kVTable, kRefOne), block_(block), bytes_(bytes), next_(nullptr) {
  block->Ref();
}

void JoinBlock::Unref() {
  // acq_rel: the release pairs with the acquire of the last one, which deletes.
  if (refs_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
}

void JoinBlock::Push(JoinEntry* entry) {
  JoinEntry* head = done_.load(std::memory_order_relaxed);  // relaxed: a guess, confirmed by the compare-exchange
  do {
    entry->next_.Write() = head;
    // release: publishes entry->next; pairs with TakeDone's acquire. relaxed on failure: only the next guess.
  } while (!done_.compare_exchange_weak(head, entry, KIOTO_ORDER("join_list.push_order", std::memory_order_release),
                                        std::memory_order_relaxed));
  parent.Wake();  // R1
}

JoinEntry* JoinBlock::TakeDone() {
  if (done_.load(std::memory_order_relaxed) == nullptr) return nullptr;  // relaxed: see R1; Register is an RMW that acquires
  JoinEntry* entry = done_.exchange(nullptr, std::memory_order_acquire);  // acquire: pairs with Push's release (R2)
  JoinEntry* list = nullptr;
  while (entry != nullptr) {
    JoinEntry* next = entry->next_.Read();
    entry->next_.Write() = list;
    list = entry;
    entry = next;
  }
  return list;
}

// --- JoinList: the owner ---------------------------------------------------------------------------------------------------

JoinList& JoinList::operator=(JoinList&& other) noexcept {
  if (this == &other) return *this;
  Clear();
  block_ = std::exchange(other.block_, nullptr);
  size_ = std::exchange(other.size_, 0);
  ready_ = std::exchange(other.ready_, nullptr);
  all_.Splice(other.all_);
  return *this;
}

JoinList::~JoinList() { Clear(); }

void JoinList::Clear() {
  while (JoinEntry* entry = all_.PopFront()) {
    if (TaskHeader* task = std::exchange(entry->task_, nullptr)) {
      AbortTask(task);
      (void)LetGo(task);  // R3
    }
    entry->Unref();
  }
  if (block_ == nullptr) return;
  block_->parent.Register(Waker());  // gives the waiter's waker back, unless a Wake is inside: then with the block
  block_->Unref();
}

JoinEntry* JoinList::New(size_t bytes) {
  if (block_ == nullptr) block_ = new JoinBlock;  // moved from
  return new (base::CacheAllocate(bytes)) JoinEntry(block_, bytes);
}

void JoinList::Start(JoinEntry* entry, TaskHeader* task) {
  KIOTO_CHECK(task != nullptr, "a JoinHandle that owns no task was put into a collection: its output was taken, or let go");
  entry->task_ = task;
  all_.PushBack(*entry);
  ++size_;
  entry->Ref();
  const Waker waker(entry);
  if (task->RegisterJoin(waker) == TaskState::ToJoin::kComplete) block_->Push(entry);
}

JoinEntry* JoinList::TakeReady() {
  for (;;) {
    if (ready_ == nullptr && block_ != nullptr) ready_ = block_->TakeDone();
    JoinEntry* entry = ready_;
    if (entry == nullptr) return nullptr;
    ready_ = entry->next_.Read();
    if (entry->task_ != nullptr) return entry;
    entry->Unlink();
    entry->Unref();
  }
}

JoinEntry* JoinList::PollReady(Context& cx) {
  JoinEntry* entry = TakeReady();
  if (entry == nullptr) {
    block_->parent.Register(cx.waker());
    if (!KIOTO_MUTANT("join_list.register_without_look")) entry = TakeReady();  // R1
  }
  if (entry == nullptr || cx.ConsumeBudget()) return entry;
  entry->next_.Write() = ready_;
  ready_ = entry;
  return nullptr;
}

TaskHeader* JoinList::Join(JoinEntry* entry) {
  TaskHeader* task = std::exchange(entry->task_, nullptr);
  --size_;
  entry->Unlink();
  entry->Unref();
  return task;
}

void JoinList::Forget(JoinEntry* entry) {
  TaskHeader* task = std::exchange(entry->task_, nullptr);
  --size_;
  if (LetGo(task) && !KIOTO_MUTANT("join_list.forget_pushed")) return;  // its push is on its way: TakeReady lets it go
  entry->Unlink();
  entry->Unref();
}

void JoinList::ForgetAll() {
  base::IntrusiveList<JoinEntry> before;
  before.Splice(all_);
  while (JoinEntry* entry = before.PopFront()) {
    all_.PushBack(*entry);
    if (entry->task_ != nullptr) Forget(entry);
  }
  if (block_ != nullptr) block_->parent.Wake();  // there is nothing left to wait for
}

void JoinList::AbortAll() {
  for (JoinEntry& entry : all_) {
    if (entry.task_ != nullptr) AbortTask(entry.task_);
  }
}

}  // namespace kioto::internal
