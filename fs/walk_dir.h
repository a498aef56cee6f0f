// WalkDir: all that is in a tree, depth first: a directory comes before what is in it, as `find` has it.
//
//   ForEachConcurrent(fs::WalkDir("src"), 16, [](fs::WalkEntry& entry) { return If(entry.is_file(), …, …); });
//     // begins in this order and ends in any: who makes the directories elsewhere uses ForEach, and spawns the files into a Scoped
//   ForEach(fs::WalkDir(root).MaxDepth(3).Sorted(true), [](StatusOr<fs::WalkEntry>& entry) { … });   // goes on after an error
//
// A stream. A job of the blocking pool reads a whole directory (some 1,000 entries of a large one), and goes on to the next ones
// where that takes no time; up to Concurrency() jobs read ahead. The memory it takes grows with the depth, not with the tree.
// An error of one directory is one item, behind what could be read of it, and the walk goes on: a step that takes a
// StatusOr<fs::WalkEntry>& hears of it and goes on, one that takes a fs::WalkEntry& ends with it. A root that can not be
// looked at is one error, and the end. Errors name the path and the errno (ErrnoOf): ENAMETOOLONG for a directory that lies so deep
// that its path has more than the system's 4,096 bytes.
// What changes during the walk is seen or not, and never twice unless its name is new.
// CANCEL SAFE: yes: a Next that is dropped loses nothing. A walk that is dropped leaves jobs that read a few directories
// each to their end, and no fd. It may be moved at any time. THREADS: any that has entered a runtime, one at a time.
#ifndef KIOTO_FS_WALK_DIR_H_
#define KIOTO_FS_WALK_DIR_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/strings/string_view.h"
#include "kioto/fs/metadata.h"
#include "kioto/fs/paths.h"
#include "kioto/fs/read_dir.h"
#include "kioto/runtime/base/status.h"
#include "kioto/runtime/future/stream/stream_base.h"

namespace kioto::fs {

inline constexpr int kWalkConcurrency = 8;  // directories that are read at a time, by default: more than most disks gain from

struct WalkEntry {
  std::string path;                    // the root as it was given, and the names from there
  FileType type = FileType::kUnknown;  // known in the end: of a link that is followed, what it leads to
  int depth = 0;                       // the root's is 0
  uint64_t ino = 0;

  bool is_file() const { return type == FileType::kFile; }
  bool is_dir() const { return type == FileType::kDir; }
  bool is_symlink() const { return type == FileType::kSymlink; }
  absl::string_view name() const;
  // Of the entry itself, if it is a link.
  JobFuture<StatusOr<Metadata>> GetMetadata() const { return SymlinkMetadata(path); }
};

namespace internal {

class Walk;
struct WalkOptions {
  int min_depth = 0;
  int max_depth = INT32_MAX;
  int concurrency = kWalkConcurrency;
  bool follow_links = false;
  bool sorted = false;
  absl::AnyInvocable<bool(const WalkEntry&)> prune;
};

}  // namespace internal

class [[nodiscard]] WalkDir : public StreamBase<WalkDir, StatusOr<WalkEntry>> {
 public:
  // A root that is a link is followed; one that is no directory is the only entry.
  explicit WalkDir(std::string root);
  WalkDir(WalkDir&&) noexcept;
  WalkDir& operator=(WalkDir&&) noexcept;
  ~WalkDir();

  // Options, before the first poll.
  // Entries above are gone through and not given; those below are not looked for.
  WalkDir&& MinDepth(int depth) &&;
  WalkDir&& MaxDepth(int depth) &&;
  // Links to directories are walked through. One that leads back to a directory it is in is an entry and an error (ELOOP); one that
  // leads nowhere stays a link.
  WalkDir&& FollowLinks(bool on) &&;
  // The entries of each directory by name, byte by byte. Keeps the whole of a directory in memory, however large.
  WalkDir&& Sorted(bool on) &&;
  // Directories that are read at a time, at least 1.
  WalkDir&& Concurrency(int directories) &&;
  // Where prune(entry) is true, neither the entry is given nor what is in it. Called in the poll, once for each entry that is read.
  WalkDir&& Prune(absl::AnyInvocable<bool(const WalkEntry&)> prune) &&;

  Poll<std::optional<StatusOr<WalkEntry>>> PollNext(Context& cx);
  void Describe(WaitTrace& trace) const { trace.Leaf("a job of fs::WalkDir"); }

 private:
  std::unique_ptr<internal::Walk> walk_;
};

}  // namespace kioto::fs

#endif  // KIOTO_FS_WALK_DIR_H_
