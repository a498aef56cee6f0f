// Atomic<T> and Cell<T> as the schedule explorer has them. See kioto/runtime/base/atomic.h, which
// says when these are used.
//
// Made outside an execution they are plain variables, and stay so.
#ifndef KIOTO_RUNTIME_BASE_MODEL_ATOMIC_H_
#define KIOTO_RUNTIME_BASE_MODEL_ATOMIC_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

#include "kioto/runtime/base/model/execution.h"

namespace kioto::model {

// Every operation also takes the place in the source, for traces.
#define KIOTO_MODEL_SITE const char *file = __builtin_FILE(), int line = __builtin_LINE()

namespace internal {
template <class T, bool = std::is_pointer_v<T>>
struct DifferenceOf {
  using type = T;
};
template <class T>
struct DifferenceOf<T, true> {
  using type = std::ptrdiff_t;
};
}  // namespace internal

template <class T>
class Atomic {
  static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= 8,
                "kioto: an atomic of the explorer has at most 64 bits");

 public:
  using value_type = T;
  static constexpr bool is_always_lock_free = true;

  constexpr Atomic() noexcept : Atomic(T()) {}
  constexpr Atomic(T value) noexcept : value_(value) {  // NOLINT: implicit like that of std::atomic
    if (!__builtin_is_constant_evaluated()) Make();
  }
  ~Atomic() {
    if (internal::Execution* e = Find({__builtin_FILE(), __builtin_LINE()})) {
      e->Destroy(&state_, {__builtin_FILE(), __builtin_LINE()});
    }
  }
  Atomic(const Atomic&) = delete;
  Atomic& operator=(const Atomic&) = delete;

  T load(std::memory_order order = std::memory_order_seq_cst, KIOTO_MODEL_SITE) const {
    internal::Execution* e = Find({file, line});
    return e == nullptr ? value_ : FromBits(e->Load(state_, order, {file, line}));
  }
  void store(T value, std::memory_order order = std::memory_order_seq_cst, KIOTO_MODEL_SITE) {
    if (internal::Execution* e = Find({file, line}))
      e->Store(state_, ToBits(value), order, {file, line});
    value_ = value;
  }
  T exchange(T value, std::memory_order order = std::memory_order_seq_cst, KIOTO_MODEL_SITE) {
    return Update([value](T) { return value; }, order, {file, line}, "exchange");
  }

  bool compare_exchange_strong(T& expected, T desired,
                               std::memory_order order = std::memory_order_seq_cst,
                               KIOTO_MODEL_SITE) {
    return CompareExchange(false, expected, desired, order, FailureOrder(order), {file, line});
  }
  bool compare_exchange_strong(T& expected, T desired, std::memory_order success,
                               std::memory_order failure, KIOTO_MODEL_SITE) {
    return CompareExchange(false, expected, desired, success, failure, {file, line});
  }
  bool compare_exchange_weak(T& expected, T desired,
                             std::memory_order order = std::memory_order_seq_cst,
                             KIOTO_MODEL_SITE) {
    return CompareExchange(true, expected, desired, order, FailureOrder(order), {file, line});
  }
  bool compare_exchange_weak(T& expected, T desired, std::memory_order success,
                             std::memory_order failure, KIOTO_MODEL_SITE) {
    return CompareExchange(true, expected, desired, success, failure, {file, line});
  }

  T fetch_add(typename internal::DifferenceOf<T>::type n,
              std::memory_order order = std::memory_order_seq_cst, KIOTO_MODEL_SITE) {
    return Update([n](T old) { return static_cast<T>(old + n); }, order, {file, line}, "fetch_add");
  }
  T fetch_sub(typename internal::DifferenceOf<T>::type n,
              std::memory_order order = std::memory_order_seq_cst, KIOTO_MODEL_SITE) {
    return Update([n](T old) { return static_cast<T>(old - n); }, order, {file, line}, "fetch_sub");
  }
  T fetch_and(T bits, std::memory_order order = std::memory_order_seq_cst, KIOTO_MODEL_SITE) {
    return Update([bits](T old) { return static_cast<T>(old & bits); }, order, {file, line},
                  "fetch_and");
  }
  T fetch_or(T bits, std::memory_order order = std::memory_order_seq_cst, KIOTO_MODEL_SITE) {
    return Update([bits](T old) { return static_cast<T>(old | bits); }, order, {file, line},
                  "fetch_or");
  }
  T fetch_xor(T bits, std::memory_order order = std::memory_order_seq_cst, KIOTO_MODEL_SITE) {
    return Update([bits](T old) { return static_cast<T>(old ^ bits); }, order, {file, line},
                  "fetch_xor");
  }

  operator T() const { return load(); }  // NOLINT: like std::atomic
  T operator=(T value) {                 // NOLINT: like std::atomic
    store(value);
    return value;
  }

  // The newest value, without being an operation: what the kernel sees of a futex, and what tests
  // ask at the end.
  T Newest() const { return value_; }

 private:
  static uint64_t ToBits(T value) {
    uint64_t bits = 0;
    std::memcpy(&bits, &value, sizeof(T));
    return bits;
  }
  static T FromBits(uint64_t bits) {
    T value{};
    std::memcpy(&value, &bits, sizeof(T));
    return value;
  }
  static constexpr std::memory_order FailureOrder(std::memory_order order) {
    return order == std::memory_order_acq_rel   ? std::memory_order_acquire
           : order == std::memory_order_release ? std::memory_order_relaxed
                                                : order;
  }

  internal::Execution* Find(internal::Site site) const {
    return internal::Execution::Of(state_, site);
  }

  void Make() {
    if (internal::Execution* e = internal::Execution::Current()) e->Make(&state_, ToBits(value_));
  }

  template <class F>
  T Update(F f, std::memory_order order, internal::Site site, const char* name) {
    internal::Execution* e = Find(site);
    if (e == nullptr) return std::exchange(value_, f(value_));
    const T old = FromBits(e->BeginRmw(state_, site));
    value_ = f(old);
    e->FinishRmw(state_, ToBits(value_), order, site, name);
    return old;
  }

  bool CompareExchange(bool weak, T& expected, T desired, std::memory_order success,
                       std::memory_order failure, internal::Site site) {
    internal::Execution* e = Find(site);
    const T old = e == nullptr ? value_ : FromBits(e->BeginRmw(state_, site));
    if (ToBits(old) == ToBits(expected) && !(weak && e != nullptr && e->FailSpuriously())) {
      value_ = desired;
      if (e != nullptr) e->FinishRmw(state_, ToBits(desired), success, site, "compare_exchange");
      return true;
    }
    if (e != nullptr) e->FinishFailed(state_, failure, site);
    expected = old;
    return false;
  }

  T value_;  // the newest
  internal::AtomicState state_;
};

// Plain data that threads share. Two accesses of which one is a Write must be ordered by what the
// atomics synchronise.
template <class T>
class Cell {
 public:
  Cell() : value_() { state_.Make(); }
  explicit Cell(T value) : value_(std::move(value)) { state_.Make(); }
  ~Cell() { state_.Destroy({__builtin_FILE(), __builtin_LINE()}); }
  Cell(const Cell&) = delete;
  Cell& operator=(const Cell&) = delete;

  const T& Read(KIOTO_MODEL_SITE) const {
    state_.Read({file, line});
    return value_;
  }
  T& Write(KIOTO_MODEL_SITE) {
    state_.Write({file, line});
    return value_;
  }

 private:
  T value_;
  mutable internal::CellState state_;
};

}  // namespace kioto::model

#endif  // KIOTO_RUNTIME_BASE_MODEL_ATOMIC_H_
