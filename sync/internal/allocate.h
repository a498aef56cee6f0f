// Where the blocks of this package come from.
#ifndef KIOTO_SYNC_INTERNAL_ALLOCATE_H_
#define KIOTO_SYNC_INTERNAL_ALLOCATE_H_

#include <cstddef>
#include <new>

namespace kioto::sync::internal {

inline void* Allocate(size_t size) { return ::operator new(size); }
inline void Free(void* block, size_t) { ::operator delete(block); }

}  // namespace kioto::sync::internal

#endif  // KIOTO_SYNC_INTERNAL_ALLOCATE_H_
