// What C++ lets each load see. See execution.h.
#include <cstdio>

#include "kioto/runtime/base/model/execution.h"
#include "kioto/runtime/base/model/heap.h"

namespace kioto::model::internal {
namespace {

bool Acquires(std::memory_order order) {
  return order == std::memory_order_acquire || order == std::memory_order_consume ||
         order == std::memory_order_acq_rel || order == std::memory_order_seq_cst;
}

bool Releases(std::memory_order order) {
  return order == std::memory_order_release || order == std::memory_order_acq_rel ||
         order == std::memory_order_seq_cst;
}

const char* Name(std::memory_order order) {
  switch (order) {
    case std::memory_order_relaxed:
      return "relaxed";
    case std::memory_order_consume:
      return "consume";
    case std::memory_order_acquire:
      return "acquire";
    case std::memory_order_release:
      return "release";
    case std::memory_order_acq_rel:
      return "acq_rel";
    case std::memory_order_seq_cst:
      return "seq_cst";
  }
  return "?";
}

std::string Show(uint64_t value) {
  char text[24];
  std::snprintf(text, sizeof text, value < 10 ? "%llu" : "%#llx",
                static_cast<unsigned long long>(value));
  return text;
}

std::string Line(const AtomicState& state, const char* operation, const std::string& values,
                 std::memory_order order) {
  return "a" + std::to_string(state.location) + "." + operation + " " + values + " (" +
         Name(order) + ")";
}

}  // namespace

Execution* Execution::Lookup(uint32_t made_in, Site site) {
  Execution* execution = current_execution_;
  if (execution == nullptr) return nullptr;
  if (made_in == execution->number_) return execution;
  if (made_in == kFreed) Fail("memory is used after it was freed", site);
  if (made_in == kDestroyed) Fail("an object is used after it was destroyed", site);
  return nullptr;
}

void Execution::Make(AtomicState* state, uint64_t value) {
  HeapOff off;
  if (location_count_ == locations_.size()) locations_.push_back(std::make_unique<Location>());
  state->execution = number_;
  state->location = location_count_++;
  Location& location = *locations_[state->location];
  location = Location();
  location.maker = current_;
  location.made_at = now();
  location.latest = 0;
  StoredValue& first = location.at(0);
  first.value = value;
  first.thread = current_;
  first.sync = Clock();
  for (uint32_t& seen : first.seen) seen = UINT32_MAX;
  first.seen[current_] = now();
  location.used.at[current_] = now();
}

void Execution::Destroy(AtomicState* state, Site site) {
  HeapOff off;
  const Location& location = *locations_[state->location];
  threads_[current_].site = site;
  if (const int other = clock().Uncovered(location.used); other >= 0) {
    Fail("an atomic (a" + std::to_string(state->location) +
         ") is destroyed, and nothing makes sure that T" + std::to_string(other) +
         " has done with it");
  }
  state->execution = kDestroyed;
}

Location& Execution::Access(const AtomicState& state, Site site) {
  Location& location = *locations_[state.location];
  if (!clock().Covers(location.maker, location.made_at)) {
    Fail("an atomic (a" + std::to_string(state.location) +
             ") is used, and nothing makes sure that its construction by T" +
             std::to_string(location.maker) + " is seen",
         site);
  }
  location.used.at[current_] = now();
  return location;
}

uint32_t Execution::ChooseStore(Location& location, bool seq_cst) {
  const uint32_t latest = location.latest;
  if (left_.stale_loads == 0) return latest;
  const uint32_t oldest = latest < Location::kWindow ? 0 : latest - Location::kWindow + 1;
  uint32_t floor = latest;
  for (;; --floor) {
    const StoredValue& store = location.at(floor);
    bool hides = floor == oldest || (seq_cst && floor <= location.seq_cst_floor);
    for (int t = 0; t < thread_count_ && !hides; ++t) hides = clock().Covers(t, store.seen[t]);
    if (hides) break;
  }
  const int choice = Choose(static_cast<int>(latest - floor) + 1, 3);
  if (choice > 0) --left_.stale_loads;
  return latest - static_cast<uint32_t>(choice);
}

uint64_t Execution::Load(const AtomicState& state, std::memory_order order, Site site) {
  HeapOff off;
  Point(site);
  if (Lookup(state.execution, site) == nullptr) Fail("an atomic has vanished", site);
  Location& location = Access(state, site);
  const bool seq_cst = order == std::memory_order_seq_cst;
  const uint32_t index = ChooseStore(location, seq_cst);
  StoredValue& store = location.at(index);
  if (store.seen[current_] == UINT32_MAX) store.seen[current_] = now();
  if (Acquires(order)) clock().Join(store.sync);
  if (seq_cst && index > location.seq_cst_floor) location.seq_cst_floor = index;
  if (tracing())
    Trace(site, Line(state, "load", Show(store.value) + (index < location.latest ? " STALE" : ""),
                     order));
  Tick();
  return store.value;
}

StoredValue& Execution::Push(Location& location, uint64_t value) {
  StoredValue& store = location.at(++location.latest);
  store.value = value;
  store.thread = current_;
  for (uint32_t& seen : store.seen) seen = UINT32_MAX;
  store.seen[current_] = now();
  NoteWrite();
  return store;
}

void Execution::Store(const AtomicState& state, uint64_t value, std::memory_order order,
                      Site site) {
  HeapOff off;
  Point(site);
  if (Lookup(state.execution, site) == nullptr) Fail("an atomic has vanished", site);
  Location& location = Access(state, site);
  StoredValue& store = Push(location, value);
  store.sync = Releases(order) ? clock() : Clock();
  if (order == std::memory_order_seq_cst) location.seq_cst_floor = location.latest;
  if (tracing()) Trace(site, Line(state, "store", Show(value), order));
  Tick();
}

uint64_t Execution::BeginRmw(const AtomicState& state, Site site) {
  HeapOff off;
  Point(site);
  if (Lookup(state.execution, site) == nullptr) Fail("an atomic has vanished", site);
  Location& location = Access(state, site);
  return location.at(location.latest).value;
}

void Execution::FinishRmw(const AtomicState& state, uint64_t value, std::memory_order order,
                          Site site, const char* name) {
  HeapOff off;
  Location& location = *locations_[state.location];
  StoredValue& read = location.at(location.latest);
  if (read.seen[current_] == UINT32_MAX) read.seen[current_] = now();
  if (Acquires(order)) clock().Join(read.sync);
  Clock sync = read.sync;  // the release sequence goes on
  const uint64_t old = read.value;
  if (Releases(order)) sync.Join(clock());
  Push(location, value).sync = sync;
  if (order == std::memory_order_seq_cst) location.seq_cst_floor = location.latest;
  if (tracing()) Trace(site, Line(state, name, Show(old) + " -> " + Show(value), order));
  Tick();
}

void Execution::FinishFailed(const AtomicState& state, std::memory_order order, Site site) {
  HeapOff off;
  Location& location = *locations_[state.location];
  StoredValue& read = location.at(location.latest);
  if (read.seen[current_] == UINT32_MAX) read.seen[current_] = now();
  if (Acquires(order)) clock().Join(read.sync);
  if (order == std::memory_order_seq_cst) location.seq_cst_floor = location.latest;
  if (tracing()) Trace(site, Line(state, "compare_exchange fails at", Show(read.value), order));
  Tick();
}

bool Execution::FailSpuriously() {
  HeapOff off;
  if (left_.spurious_failures == 0 || Choose(2, 7) == 0) return false;
  --left_.spurious_failures;
  return true;
}

}  // namespace kioto::model::internal
