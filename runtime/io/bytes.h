// Bytes: a piece of memory that is shared and does not change. A copy and a slice cost a count, not a copy of the bytes.
//
//   Bytes frame = queue.Split(n);                 // n bytes off the front of a ByteQueue, without copying them
//   Bytes body = frame.Slice(4, n - 4);           // the same memory
//   tx.Send(std::move(body))                      // and to another task with it
//
// What owns bytes already, as a std::string, gives them without a copy: Bytes::Own(std::move(string)).
//
// The smallest Bytes keeps the whole block that it is a part of: to keep a little of much for long, Bytes::Copy it.
//
// Why not absl::Cord: a decoder wants its input in one piece, and what it takes off is one piece too; a Cord is a tree, pays
// an allocation for each node that shares memory of ours, and Flatten for what we know already. Where a Cord is wanted,
// absl::MakeCordFromExternal(bytes.view(), [bytes] {}) makes one that shares.
//
// What others have beside these: for split_off there are Slice, RemoveSuffix and ByteQueue::Truncate; for unsplit there is
// ByteQueue::Append, which copies: parts that are to be one again are better not split. is_unique and try_into_mut are left out:
// what a Bytes shows never changes, whoever holds it, and what is to be changed is changed in the queue (span()) before it is split.
//
// STATE       a block is a count and the bytes behind it, in one allocation; or, of Own, the owner of the bytes in their place, which
//             is destroyed before the block is freed. `refs`: how many Bytes and ByteQueues hold it.
//             The bytes that a Bytes shows are written before it is made, and never after. The queue alone writes to the
//             block, behind what it has split off; to what lies before that only while refs is 1: nobody else can make a
//             reference then.
// RACES       1. the queue asks unique() while the last Bytes goes on another thread: either answer is right, and after
//                "unique" what that thread has read it has read before.
// THREADS     as std::shared_ptr: different objects anywhere, the same one on one thread at a time.
#ifndef KIOTO_RUNTIME_IO_BYTES_H_
#define KIOTO_RUNTIME_IO_BYTES_H_

#include <cstddef>
#include <new>
#include <string>
#include <type_traits>
#include <utility>

#include "absl/strings/string_view.h"
#include "kioto/runtime/base/atomic.h"

namespace kioto {
namespace internal {

// A counted reference to a block, or to none.
class BlockRef {
 public:
  BlockRef() = default;
  explicit BlockRef(size_t capacity);
  BlockRef(const BlockRef& other) : bytes_(other.bytes_) {
    // relaxed: made from a reference that is held; it pairs with nothing.
    if (bytes_ != nullptr) header().refs.fetch_add(1, std::memory_order_relaxed);
  }
  BlockRef(BlockRef&& other) noexcept : bytes_(std::exchange(other.bytes_, nullptr)) {}
  BlockRef& operator=(BlockRef other) noexcept {
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~BlockRef() {
    if (bytes_ != nullptr) Unref();
  }

  char* data() const { return bytes_; }
  // Once, before anybody else holds it: `end(data())` is called by the last to go, before the block is freed.
  void set_end(void (*end)(char*)) { header().end = end; }
  // Whether nobody else holds the block.
  bool unique() const {
    return bytes_ == nullptr || header().refs.load(std::memory_order_acquire) == 1;  // acquire: pairs with Unref of who did
  }

 private:
  struct alignas(alignof(std::max_align_t)) Header {
    base::Atomic<size_t> refs{1};
    void (*end)(char*) = nullptr;
  };
  Header& header() const { return *(reinterpret_cast<Header*>(bytes_) - 1); }
  void Unref();

  char* bytes_ = nullptr;  // the header lies before them
};

}  // namespace internal

class Bytes {
 public:
  Bytes() = default;
  Bytes(const Bytes&) = default;
  Bytes& operator=(const Bytes&) = default;
  Bytes(Bytes&& other) noexcept : view_(std::exchange(other.view_, {})), block_(std::move(other.block_)) {}
  Bytes& operator=(Bytes&& other) noexcept {
    view_ = std::exchange(other.view_, {});
    block_ = std::move(other.block_);
    return *this;
  }

  static Bytes Copy(absl::string_view bytes);
  // Of bytes that live for ever: a literal.
  static Bytes Static(absl::string_view bytes) { return Bytes(bytes, internal::BlockRef()); }
  // Of what `owner` owns, without a copy of them: of a std::string, or anything that converts to an absl::string_view of its bytes
  // and frees them when it is destroyed. That happens, on any thread, when the last Bytes goes that shows a part of them.
  template <class Owner>
  static Bytes Own(Owner owner) {
    static_assert(!std::is_trivially_destructible_v<Owner>,
                  "kioto: Bytes::Own takes what owns its bytes, as a std::string does; for bytes of somebody else use Bytes::Copy");
    constexpr bool fits = std::is_convertible_v<const Owner&, absl::string_view> && alignof(Owner) <= alignof(std::max_align_t);
    static_assert(fits,
                  "kioto: Bytes::Own takes what converts to an absl::string_view of its bytes, and is not aligned to more than "
                  "max_align_t: give it a struct that keeps the owner and has such an operator");
    if constexpr (fits) {
      internal::BlockRef block(sizeof(Owner));
      const Owner& kept = *::new (block.data()) Owner(std::move(owner));
      block.set_end([](char* memory) { reinterpret_cast<Owner*>(memory)->~Owner(); });
      const absl::string_view bytes = kept;
      return bytes.empty() ? Bytes() : Bytes(bytes, std::move(block));
    } else {
      return Bytes();
    }
  }

  absl::string_view view() const { return view_; }
  operator absl::string_view() const { return view_; }  // NOLINT: they are bytes to be read
  const char* data() const { return view_.data(); }
  size_t size() const { return view_.size(); }
  bool empty() const { return view_.empty(); }
  std::string ToString() const { return std::string(view_); }

  // n bytes from `offset` on, of the same memory; offset + n <= size(). An empty one keeps nothing.
  Bytes Slice(size_t offset, size_t n) const;
  // The same of a view of a part of these bytes, as a parser finds one.
  Bytes Slice(absl::string_view part) const;
  // Forgets the first, the last n bytes; n <= size().
  void RemovePrefix(size_t n);
  void RemoveSuffix(size_t n);

  friend bool operator==(const Bytes& a, const Bytes& b) { return a.view_ == b.view_; }
  friend bool operator==(const Bytes& a, absl::string_view b) { return a.view_ == b; }
  friend bool operator==(absl::string_view a, const Bytes& b) { return a == b.view_; }
  friend bool operator!=(const Bytes& a, const Bytes& b) { return a.view_ != b.view_; }
  friend bool operator!=(const Bytes& a, absl::string_view b) { return a.view_ != b; }
  friend bool operator!=(absl::string_view a, const Bytes& b) { return a != b.view_; }
  friend bool operator<(const Bytes& a, const Bytes& b) { return a.view_ < b.view_; }
  template <class H>
  friend H AbslHashValue(H h, const Bytes& bytes) {
    return H::combine(std::move(h), bytes.view_);
  }
  template <class Sink>
  friend void AbslStringify(Sink& sink, const Bytes& bytes) {
    sink.Append(bytes.view_);
  }

 private:
  friend class ByteQueue;
  Bytes(absl::string_view view, internal::BlockRef block) : view_(view), block_(std::move(block)) {}

  absl::string_view view_;
  internal::BlockRef block_;  // what keeps it, if anything has to
};

}  // namespace kioto

#endif  // KIOTO_RUNTIME_IO_BYTES_H_
