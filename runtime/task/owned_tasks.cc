#include "kioto/runtime/task/owned_tasks.h"

#include <algorithm>

#include "kioto/runtime/base/check.h"
#include "kioto/runtime/base/mutant.h"

namespace kioto::internal {

OwnedTasks::OwnedTasks(int shards) : shards_(shards), shard_(new Shard[shards]) {}

OwnedTasks::~OwnedTasks() { KIOTO_DCHECK(size() == 0, "a runtime went away before its tasks"); }

bool OwnedTasks::Link(TaskHeader* task, int shard) {
  Shard& s = shard_[shard];
  task->shard = static_cast<uint16_t>(shard);
  base::SpinLockGuard lock(s.lock);
  if (s.closed && !KIOTO_MUTANT("owned_tasks.link_when_closed")) return false;
  task->owned_next = s.head;
  if (s.head != nullptr) s.head->owned_prev = task;
  s.head = task;
  ++s.linked;
  s.local += task->local;
  return true;
}

void OwnedTasks::Unlink(TaskHeader* task) {
  if (KIOTO_MUTANT("owned_tasks.keep_linked")) return;
  Shard& s = shard_[task->shard];
  base::SpinLockGuard lock(s.lock);
  if (task->owned_prev != nullptr) {
    task->owned_prev->owned_next = task->owned_next;
  } else {
    s.head = task->owned_next;
  }
  if (task->owned_next != nullptr) task->owned_next->owned_prev = task->owned_prev;
  if (s.cursor == task && !KIOTO_MUTANT("owned_tasks.keep_cursor")) s.cursor = task->owned_next;
  ++s.unlinked;
  s.local -= task->local;
}

size_t OwnedTasks::Collect(int shard, bool first, TaskHeader** into, size_t room) {
  Shard& s = shard_[shard];
  base::SpinLockGuard lock(s.lock);
  if (first) s.cursor = s.head;
  size_t taken = 0;
  for (; s.cursor != nullptr && taken < room; s.cursor = s.cursor->owned_next) {
    s.cursor->Ref();
    into[taken++] = s.cursor;
  }
  return taken;
}

void OwnedTasks::Close() {
  for (int i = 0; i < shards_; ++i) {
    base::SpinLockGuard lock(shard_[i].lock);
    shard_[i].closed = true;
  }
}

void OwnedTasks::AbortAll(void (*enqueue)(TaskHeader*, void*), void* arg) {
  for (int i = 0; i < shards_; ++i) {
    TaskHeader* taken = nullptr;  // those whose right to poll is ours now, linked by queue_next
    {
      base::SpinLockGuard lock(shard_[i].lock);
      for (TaskHeader* task = shard_[i].head; task != nullptr; task = task->owned_next) {
        if (task->Abort() != TaskState::ToWoken::kEnqueue) continue;
        task->queue_next = taken;
        taken = task;
      }
    }
    while (taken != nullptr) {
      TaskHeader* task = taken;
      taken = task->queue_next;
      enqueue(task, arg);
    }
  }
}

size_t OwnedTasks::size() const {
  size_t sum = 0;
  for (int i = 0; i < shards_; ++i) {
    base::SpinLockGuard lock(shard_[i].lock);
    sum += shard_[i].linked - shard_[i].unlinked;
  }
  return sum;
}

uint64_t OwnedTasks::linked() const {
  uint64_t sum = 0;
  for (int i = 0; i < shards_; ++i) {
    base::SpinLockGuard lock(shard_[i].lock);
    sum += shard_[i].linked;
  }
  return sum;
}

size_t OwnedTasks::local() const {
  size_t sum = 0;
  for (int i = 0; i < shards_; ++i) {
    base::SpinLockGuard lock(shard_[i].lock);
    sum += shard_[i].local;
  }
  return sum;
}

OwnedTasks::Description OwnedTasks::DescriptionOf(const TaskHeader* task) {
  return {task->id, task->name(), task->place_file(), task->line};
}

bool OwnedTasks::Find(const TaskHeader* task, Description* description) const {
  for (int i = 0; i < shards_; ++i) {
    base::SpinLockGuard lock(shard_[i].lock);
    for (const TaskHeader* each = shard_[i].head; each != nullptr; each = each->owned_next) {
      if (each != task) continue;
      *description = DescriptionOf(each);
      return true;
    }
  }
  return false;
}

}  // namespace kioto::internal
