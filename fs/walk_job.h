// WalkJob: what a job of the blocking pool does for a WalkDir: it reads directories. For walk_dir.cc.
//
// As many in a row as are quickly read, for to hand a job over and back costs as much as to read a directory that is in the
// system's memory. The walk learns from each job how many to give to the next: where directories take long, one, so that as many are
// read at a time as there are jobs.
#ifndef KIOTO_FS_WALK_JOB_H_
#define KIOTO_FS_WALK_JOB_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "kioto/fs/read_dir.h"
#include "kioto/runtime/base/status.h"
#include "kioto/runtime/future/context.h"
#include "kioto/runtime/future/poll.h"

namespace kioto::fs::internal {

inline constexpr size_t kWalkBatch = 1024;  // entries, beyond which a job reads no further, unless they are sorted: some 40 KB

class OpenWalkDir;

// A directory that is being walked through, and those that it is in: where a link must not lead back to.
struct WalkAncestor {
  dev_t dev;
  ino_t ino;
  std::shared_ptr<const WalkAncestor> above;
};

// A WalkEntry as it was read. Its path is made when it is given, by the thread that will free it.
struct WalkFound {
  uint64_t ino;
  size_t begin;  // in WalkBatch::names
  uint32_t size;
  FileType type;
};

struct WalkBatch {
  std::string names;  // one behind the other; the root's is its path
  std::vector<WalkFound> entries;
  Status error;                              // behind them
  std::shared_ptr<OpenWalkDir> rest;         // where there are more
  std::shared_ptr<const WalkAncestor> self;  // if links are followed

  absl::string_view NameOf(const WalkFound& entry) const { return absl::string_view(names).substr(entry.begin, entry.size); }
};

// A directory that is to be read.
struct WalkTarget {
  std::string path;
  int depth = -1;  // -1: look at the root
  std::shared_ptr<OpenWalkDir> dir;           // if it was begun
  std::shared_ptr<const WalkAncestor> above;  // if links are followed; of one that was begun itself
};

// What was read of the first targets, at least of one.
struct WalkBatches {
  std::vector<WalkBatch> of;
  bool quick = false;  // there was time and room for more
};

class WalkJob {
 public:
  using Output = WalkBatches;

  std::vector<WalkTarget> targets;
  bool follow_links = false;
  bool sorted = false;

  Poll<WalkBatches> PollOnce(Context&);
};

}  // namespace kioto::fs::internal

#endif  // KIOTO_FS_WALK_JOB_H_
