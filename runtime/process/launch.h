// Launch: everything a new process needs, and the act of starting it. For command.cc.
#ifndef KIOTO_RUNTIME_PROCESS_LAUNCH_H_
#define KIOTO_RUNTIME_PROCESS_LAUNCH_H_

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "kioto/runtime/base/status.h"

namespace kioto::process::internal {

struct FdMove {
  int from;  // an fd of ours
  int to;    // its number in the child
};

struct Launch {
  std::string program;                   // as the user has named it, for errors
  std::string path;                      // the PATH that it is looked for in; empty: nowhere, it is a path itself
  std::vector<std::string> programs;     // paths to be tried in turn
  std::vector<std::string> args;         // the first is the name that the program goes by
  std::vector<std::string> environment;  // "KEY=value"
  std::string directory;                 // empty: ours
  std::vector<FdMove> fds;               // every other fd is the child's too, unless it is close-on-exec
  std::optional<uid_t> uid;
  std::optional<gid_t> gid;
  std::optional<std::vector<gid_t>> groups;  // supplementary
  std::optional<pid_t> process_group;        // 0: one of its own
  bool new_session = false;
  bool inherit_signal_mask = false;
};

// The child's pid, once it has become its program. What it could not do is an error with that errno, and then there is no
// child. Blocks for as long as the kernel needs to load the program: half a millisecond, if the disk is not in the way. Any
// thread; signals that come to this one meanwhile wait.
StatusOr<pid_t> StartProcess(const Launch& launch);

}  // namespace kioto::process::internal

#endif  // KIOTO_RUNTIME_PROCESS_LAUNCH_H_
