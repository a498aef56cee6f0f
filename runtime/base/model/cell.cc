// Races on plain data: two accesses, one of them a write, and neither happens before the other.
#include "kioto/runtime/base/model/execution.h"
#include "kioto/runtime/base/model/heap.h"

namespace kioto::model::internal {

void CellState::Make() {
  Execution* execution = Execution::Current();
  if (execution == nullptr) return;
  execution_ = execution->number();
  writer_ = execution->thread();
  written_at_ = execution->now();
}

void CellState::Read(Site site) {
  if (execution_ == kPlain) return;
  Execution* execution = Execution::Lookup(execution_, site);
  if (execution == nullptr) return;
  if (!execution->clock().Covers(writer_, written_at_)) {
    HeapOff off;
    Fail("race: a read of plain data, and a write by T" + std::to_string(writer_) + " at " +
             At(written_in_),
         site);
  }
  reads_.at[execution->thread()] = execution->now();
  if (execution->tracing()) execution->Trace(site, "reads a cell");
}

void CellState::Write(Site site) {
  if (execution_ == kPlain) return;
  Execution* execution = Execution::Lookup(execution_, site);
  if (execution == nullptr) return;
  if (!execution->clock().Covers(writer_, written_at_)) {
    HeapOff off;
    Fail("race: a write of plain data, and a write by T" + std::to_string(writer_) + " at " +
             At(written_in_),
         site);
  }
  if (const int reader = execution->clock().Uncovered(reads_); reader >= 0) {
    HeapOff off;
    Fail("race: a write of plain data, and a read by T" + std::to_string(reader), site);
  }
  writer_ = execution->thread();
  written_at_ = execution->now();
  written_in_ = site;
  if (execution->tracing()) execution->Trace(site, "writes a cell");
}

void CellState::Destroy(Site site) {
  Write(site);
  if (execution_ != kPlain) execution_ = kDestroyed;
}

}  // namespace kioto::model::internal
