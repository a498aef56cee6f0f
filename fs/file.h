// File: an open file, as a reader and a writer with a cursor. OpenOptions: how to open it.
//
//   fs::File::Create("log.txt").AndThen([](fs::File& file) {
//     return file.WriteAll("hello\n").AndThen([&file] { return file.Close(); });
//   });
//
// Each operation is one job of the blocking pool, one at a time; the next one waits for it. What the system has in memory is
// read at once, without a job, and opened for reading so, once a job has found that it lies on a disk of this machine or in
// memory (now.h).
// A write is done when its bytes are copied and its job is on its way: an error comes with the next write, flush, sync or
// close, and stays: of that file no write, flush, sync or close says OK again (seeking, metadata, clones do). A write that was
// taken is done even if the runtime ends. To a file that is closed, or that was opened for reading only, nothing is handed over:
// EBADF, at once.
// Dropping a File neither waits nor tells: what was written is written, and the fd is closed behind it. Close says whether.
// A dropped future leaves its job running, and the fd to it. THREADS: any, one at a time.
#ifndef KIOTO_FS_FILE_H_
#define KIOTO_FS_FILE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "kioto/fs/mount.h"
#include "kioto/fs/file_job.h"
#include "kioto/fs/job.h"
#include "kioto/fs/metadata.h"
#include "kioto/runtime/base/status.h"
#include "kioto/runtime/io/read.h"
#include "kioto/runtime/io/seek.h"
#include "kioto/runtime/io/write.h"

namespace kioto::fs {

class File;

inline constexpr size_t kMaxBufferSize = 2 * 1024 * 1024;  // bytes a job moves, by default

// An operation of a File that is not reading or writing. T: Status, or a StatusOr.
template <class T>
class [[nodiscard]] FileFuture : public FutureBase<FileFuture<T>, T> {
 public:
  static constexpr bool kLosesData = true;

  FileFuture(File& file, internal::FileOp op, int64_t number = 0, int whence = 0)
      : file_(&file), op_(op), whence_(whence), number_(number) {}
  Poll<T> PollOnce(Context& cx);
  void Describe(WaitTrace& trace) const { trace.Leaf("a job of fs::File"); }

 private:
  File* file_;
  internal::FileOp op_;
  int whence_;
  bool started_ = false;
  int64_t number_;
};

class File {
 public:
  // For reading.
  static JobFuture<StatusOr<File>> Open(std::string path);
  // For writing: makes it, or empties it.
  static JobFuture<StatusOr<File>> Create(std::string path);
  // For reading and writing: IsAlreadyExists (EEXIST) if anything is there.
  static JobFuture<StatusOr<File>> CreateNew(std::string path);
  // Takes over an fd, which blocks or not as it is. Errors name it by its number. Asks the system nothing that may wait: where it
  // lies is known if another file there was opened.
  static File FromFd(int fd);

  File(File&&) noexcept = default;
  File& operator=(File&&) noexcept = default;

  int fd() const { return fd_->get(); }
  // Gives the fd up, with the cursor where reading has come to. Fails, and keeps it, while a job runs or bytes that were read
  // ahead are left (first Seek(0, SEEK_CUR), which waits for the one and gives back the other).
  StatusOr<int> TryIntoFd();

  // The bytes of one job at most, at least 1.
  void SetMaxBufferSize(size_t bytes) { max_buffer_ = bytes == 0 ? 1 : bytes; }
  size_t max_buffer_size() const { return max_buffer_; }

  // At least one byte; 0 at the end. CANCEL SAFE: yes, what a job has read is the next read's.
  io::ReadFuture Read(MutableBytes into) { return io::Read(*this, into); }
  // CANCEL SAFE: loses place.
  io::ReadExactFuture ReadExact(MutableBytes into) { return io::ReadExact(*this, into); }
  // CANCEL SAFE: loses data.
  io::ReadToEndFuture ReadToEnd(size_t limit) { return io::ReadToEnd(*this, limit); }
  // Copies at least one byte and hands it over. CANCEL SAFE: yes.
  io::WriteFuture Write(absl::string_view bytes) { return io::Write(*this, bytes); }
  io::WriteVectoredFuture WriteVectored(io::Pieces pieces) { return io::WriteVectored(*this, pieces); }
  // CANCEL SAFE: loses place.
  io::WriteAllFuture WriteAll(absl::string_view bytes) { return io::WriteAll(*this, bytes); }
  template <class S, io::internal::IfString<S> = 0>
  io::WriteAllOwnedFuture WriteAll(S&& bytes) {
    return io::WriteAll(*this, std::move(bytes));
  }
  // Until the system has all that was written. CANCEL SAFE: yes.
  io::FlushFuture Flush() { return io::Flush(*this); }
  io::ShutdownFuture Shutdown() { return io::Shutdown(*this); }

  // These wait for what was written before. Dropped, they happen all the same or not at all.
  // Where the cursor is then, from the start. `whence`: SEEK_SET, SEEK_CUR, SEEK_END.
  FileFuture<StatusOr<uint64_t>> Seek(int64_t offset, int whence = SEEK_SET) {
    return {*this, internal::FileOp::kSeek, offset, whence};
  }
  // Until the disk has it: contents and metadata; SyncData: contents.
  FileFuture<Status> SyncAll() { return {*this, internal::FileOp::kSyncAll}; }
  FileFuture<Status> SyncData() { return {*this, internal::FileOp::kSyncData}; }
  FileFuture<Status> SetLen(uint64_t bytes) { return {*this, internal::FileOp::kSetLen, static_cast<int64_t>(bytes)}; }
  FileFuture<StatusOr<Metadata>> GetMetadata() { return {*this, internal::FileOp::kStat}; }
  FileFuture<Status> SetPermissions(Permissions to) { return {*this, internal::FileOp::kChmod, to.mode()}; }
  // Another File with the same cursor. From then on both are read by jobs alone, one of which may hold the cursor for long.
  FileFuture<StatusOr<File>> TryClone() { return {*this, internal::FileOp::kClone}; }
  // Says whether all that was written is with the system. Then all others fail with EBADF, but for Flush and Shutdown.
  FileFuture<Status> Close() { return {*this, internal::FileOp::kClose}; }

  // For one poll: what makes it a reader and a writer.
  Poll<StatusOr<size_t>> PollRead(Context& cx, MutableBytes into);
  Poll<StatusOr<size_t>> PollWrite(Context& cx, absl::string_view bytes) { return PollWriteVectored(cx, {&bytes, 1}); }
  Poll<StatusOr<size_t>> PollWriteVectored(Context& cx, io::Pieces pieces);
  Poll<Status> PollFlush(Context& cx);
  Poll<Status> PollShutdown(Context& cx) { return PollFlush(cx); }
  // A seeker of runtime/io, too. Unlike Seek it fails after a lost write: who seeks below a buffer looks at no other answer.
  Poll<StatusOr<uint64_t>> PollSeek(Context& cx, io::SeekFrom to);
  void Describe(WaitTrace& trace) const { trace.Leaf("fs::File"); }

 private:
  friend class OpenOptions;
  friend class PersistFuture;  // of TempFile
  friend class TempFile;       // makes one in its job
  template <class T>
  friend class FileFuture;

  File(std::shared_ptr<internal::SharedFd> fd, std::string path, bool reads_now, internal::MountKind mount);
  // What a job has opened; asks the system where it lies.
  static File FromJob(int fd, std::string path);

  // Ready once no job runs, and what the last one gave is taken in.
  Poll<Unit> PollIdle(Context& cx);
  void TakeIn(StatusOr<internal::FileDone> done);
  void Start(internal::FileOp op, size_t size, int64_t number = 0, int whence = 0);
  void MakeRoom(size_t size);
  // What is in the system's memory; 0: the end. Less: ask a job.
  ssize_t ReadNow(MutableBytes into);
  Poll<Status> PollOp(Context& cx, internal::FileOp op, int64_t number, int whence, bool& started);
  Status Fail(internal::FileOp op, int64_t error) const;
  void Give(Status& out, const Status& status) { out = status; }
  void Give(StatusOr<uint64_t>& out, const Status& status);
  void Give(StatusOr<Metadata>& out, const Status& status);
  void Give(StatusOr<File>& out, const Status& status);

  std::shared_ptr<internal::SharedFd> fd_;
  std::string path_;  // for errors
  bool reads_now_;             // reads may be answered from memory
  internal::MountKind mount_;  // and how
  JoinHandle<internal::FileDone> job_;
  bool busy_ = false;       // a job runs
  bool writable_ = true;    // false: it was opened for reading only
  bool end_seen_ = false;   // a read found the end, and nobody was told yet
  bool seeking_ = false;    // for PollSeek, to seek_to_: the last job
  io::SeekFrom seek_to_ = io::SeekFrom::Start(0);
  internal::FileOp op_ = internal::FileOp::kRead;  // the job's
  size_t max_buffer_ = kMaxBufferSize;
  Buffer buffer_;
  size_t begin_ = 0, end_ = 0;  // read ahead
  Status read_error_;           // told once
  Status lost_;                 // a write that failed: for ever
  Status error_;                // the last operation's, when it was none of these
  internal::FileDone done_{internal::FileOp::kRead, 0, Buffer()};
};

class OpenOptions {
 public:
  OpenOptions& Read(bool on) { return read_ = on, *this; }
  OpenOptions& Write(bool on) { return write_ = on, *this; }
  // Each write goes to the end.
  OpenOptions& Append(bool on) { return append_ = on, *this; }
  OpenOptions& Truncate(bool on) { return truncate_ = on, *this; }
  OpenOptions& Create(bool on) { return create_ = on, *this; }
  // Nothing may be there; Create and Truncate mean nothing then.
  OpenOptions& CreateNew(bool on) { return create_new_ = on, *this; }
  // Of a new file, less the umask. Default 0666.
  OpenOptions& Mode(uint32_t mode) { return mode_ = mode, *this; }
  // More O_... flags; those of reading and writing are ignored.
  OpenOptions& CustomFlags(int flags) { return custom_ = flags, *this; }

  // What open(2) gets. kInvalidArgument where the options contradict each other.
  StatusOr<int> Flags() const;
  uint32_t mode() const { return mode_; }
  JobFuture<StatusOr<File>> Open(std::string path) const;

 private:
  static StatusOr<File> Run(internal::Request& request);
  static std::optional<StatusOr<File>> RunNow(internal::Request& request, Context& cx);

  bool read_ = false, write_ = false, append_ = false, truncate_ = false, create_ = false, create_new_ = false;
  uint32_t mode_ = 0666;
  int custom_ = 0;
};

template <class T>
Poll<T> FileFuture<T>::PollOnce(Context& cx) {
  Poll<Status> polled = file_->PollOp(cx, op_, number_, whence_, started_);
  if (polled.pending()) return kPending;
  T output{Status(absl::StatusCode::kUnknown, "")};
  file_->Give(output, *polled);
  return output;
}

}  // namespace kioto::fs

#endif  // KIOTO_FS_FILE_H_
