#include "kioto/runtime/io/bytes.h"

#include <cstring>
#include <functional>
#include <new>

#include "kioto/runtime/base/check.h"

namespace kioto {
namespace internal {

BlockRef::BlockRef(size_t capacity) {
  void* memory = ::operator new(sizeof(Header) + capacity);
  bytes_ = reinterpret_cast<char*>((new (memory) Header) + 1);
}

void BlockRef::Unref() {
  // acq_rel: the release pairs with the acquire of the last one here, which frees the block, and with unique()'s, after which it
  // is written to again: what each holder has read comes before both.
  if (header().refs.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  Header* header = &this->header();
  if (header->end != nullptr) header->end(bytes_);
  header->~Header();
  ::operator delete(header);
}

}  // namespace internal

Bytes Bytes::Copy(absl::string_view bytes) {
  if (bytes.empty()) return Bytes();
  internal::BlockRef block(bytes.size());
  std::memcpy(block.data(), bytes.data(), bytes.size());
  const absl::string_view view(block.data(), bytes.size());
  return Bytes(view, std::move(block));
}

Bytes Bytes::Slice(size_t offset, size_t n) const {
  KIOTO_CHECK(offset <= size() && n <= size() - offset, "Bytes::Slice: beyond the end of the bytes");
  if (n == 0) return Bytes();
  return Bytes(view_.substr(offset, n), block_);
}

Bytes Bytes::Slice(absl::string_view part) const {
  if (part.empty()) return Bytes();
  const std::less<> before;
  const bool inside = !before(part.data(), data()) && before(part.data(), data() + size());
  KIOTO_CHECK(inside, "Bytes::Slice: a view of other bytes");
  return Slice(static_cast<size_t>(part.data() - data()), part.size());
}

void Bytes::RemovePrefix(size_t n) {
  KIOTO_CHECK(n <= size(), "Bytes::RemovePrefix: more bytes than there are");
  view_.remove_prefix(n);
  if (view_.empty()) *this = Bytes();
}

void Bytes::RemoveSuffix(size_t n) {
  KIOTO_CHECK(n <= size(), "Bytes::RemoveSuffix: more bytes than there are");
  view_.remove_suffix(n);
  if (view_.empty()) *this = Bytes();
}

}  // namespace kioto
