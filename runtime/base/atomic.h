// Atomic<T> and Cell<T>: all memory that threads share in Kioto.
//
// In the product they are std::atomic<T> and a plain T. Under --config=model they belong to the schedule explorer,
// which runs every interleaving of a small test, lets relaxed loads see stale values, and reports a race on a Cell.
//
// Prefer Cell<T> for data that is plain but shared: data that one thread at a time may touch, under a bit, a lock or a
// hand-over. Its Read and Write are the places where the explorer looks for races; they cost nothing in the product.
#ifndef KIOTO_RUNTIME_BASE_ATOMIC_H_
#define KIOTO_RUNTIME_BASE_ATOMIC_H_

#include "kioto/runtime/base/config.h"

#if KIOTO_MODEL
#include "kioto/runtime/base/model/atomic.h"

namespace kioto::base {
template <class T>
using Atomic = model::Atomic<T>;
template <class T>
using Cell = model::Cell<T>;
}  // namespace kioto::base

#else

#include <atomic>
#include <utility>

namespace kioto::base {

template <class T>
using Atomic = std::atomic<T>;

template <class T>
class Cell {
 public:
  Cell() : value_() {}
  explicit Cell(T value) : value_(std::move(value)) {}
  Cell(const Cell&) = delete;
  Cell& operator=(const Cell&) = delete;

  const T& Read() const { return value_; }
  T& Write() { return value_; }

 private:
  T value_;
};

}  // namespace kioto::base

#endif
#endif  // KIOTO_RUNTIME_BASE_ATOMIC_H_
