// BlockingIo: an asynchronous reader or writer for code that blocks: for libraries that want to call Read and Write.
//
//   SpawnBlocking([io = io::BlockingIo(std::move(stream), runtime.handle())]() mutable { return Parse(io); })
//
// Each call blocks this thread until the stream is ready; the runtime goes on. Errors: the stream's; kFailedPrecondition from a
// task's poll or a callback of the runtime, where nothing may block: SpawnBlocking, BlockInPlace or a thread of one's own is the
// place. Owns the stream; ReaderRef(x), WriterRef(x) borrow one. One thread at a time.
#ifndef KIOTO_RUNTIME_IO_BLOCKING_IO_H_
#define KIOTO_RUNTIME_IO_BLOCKING_IO_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "kioto/runtime/base/may_block.h"
#include "kioto/runtime/base/status.h"
#include "kioto/runtime/future/future_traits.h"
#include "kioto/runtime/io/buf_reader.h"
#include "kioto/runtime/io/read.h"
#include "kioto/runtime/io/reader.h"
#include "kioto/runtime/io/seek.h"
#include "kioto/runtime/io/write.h"
#include "kioto/runtime/io/writer.h"
#include "kioto/runtime/scheduler/runtime.h"

namespace kioto::io {

template <class T>
class BlockingIo {
 public:
  static_assert(IsReader<T> || IsWriter<T>, "kioto: BlockingIo needs a reader or a writer by std::move, or ReaderRef(x), WriterRef(x)");

  BlockingIo(T io, Handle runtime) : io_(std::move(io)), runtime_(std::move(runtime)) {}
  // In the runtime entered on this thread, as it is in SpawnBlocking. Errors: there is none.
  static StatusOr<BlockingIo> InCurrentRuntime(T io) {
    StatusOr<Handle> runtime = Handle::Current();
    if (!runtime.ok()) return runtime.status();
    return BlockingIo(std::move(io), *std::move(runtime));
  }

  // As the functions of these names in read.h, write.h, buf_reader.h and seek.h, without a future.
  StatusOr<size_t> Read(MutableBytes into) { return Wait(io::Read(io_, into)); }
  Status ReadExact(MutableBytes into) { return Wait(io::ReadExact(io_, into)); }
  StatusOr<std::string> ReadToEnd(size_t limit) { return Wait(io::ReadToEnd(io_, limit)); }
  StatusOr<size_t> ReadUntil(char end, std::string& into, size_t limit) { return Wait(io::ReadUntil(io_, end, into, limit)); }
  StatusOr<uint64_t> Seek(SeekFrom to) { return Wait(io::Seek(io_, to)); }
  StatusOr<size_t> Write(absl::string_view bytes) { return Wait(io::Write(io_, bytes)); }
  Status WriteAll(absl::string_view bytes) { return Wait(io::WriteAll(io_, bytes)); }
  Status Flush() { return Wait(io::Flush(io_)); }
  Status Shutdown() { return Wait(io::Shutdown(io_)); }

  T& inner() { return io_; }
  T IntoInner() && { return std::move(io_); }

 private:
  template <class F>
  OutputOf<F> Wait(F future) {
    if (!base::thread_may_block) {
      return absl::FailedPreconditionError(
          "io::BlockingIo blocks its thread, and this one runs tasks: SpawnBlocking or BlockInPlace is the place for it");
    }
    return runtime_.BlockOn(std::move(future));
  }

  T io_;
  Handle runtime_;
};

}  // namespace kioto::io

#endif  // KIOTO_RUNTIME_IO_BLOCKING_IO_H_
