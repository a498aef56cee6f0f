#include "kioto/runtime/base/cpus.h"

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "kioto/runtime/base/limits.h"
#include "kioto/runtime/base/sys.h"

namespace kioto::base {
namespace {

// The start of a small file; empty if there is none.
std::string ReadSmallFile(const std::string& path) {
  const int fd = sys::Open(path.c_str(), O_RDONLY, 0);
  if (fd < 0) return std::string();
  std::string text(4096, '\0');
  const ssize_t size = sys::Read(fd, &text[0], text.size());
  sys::Close(fd);
  text.resize(size < 0 ? 0 : static_cast<size_t>(size));
  return text;
}

// quota / period, rounded up; 0 where there is none ("max", -1, no file).
int Processors(absl::string_view quota, absl::string_view period) {
  int64_t q = 0;
  int64_t p = 0;
  if (!absl::SimpleAtoi(quota, &q) || !absl::SimpleAtoi(period, &p) || q <= 0 || p <= 0) return 0;
  return static_cast<int>(std::min<int64_t>((q - 1) / p + 1, INT_MAX));
}

int Version2(const std::string& folder) {
  const std::string text = ReadSmallFile(folder + "/cpu.max");
  const std::vector<absl::string_view> words = absl::StrSplit(text, absl::ByAnyChar(" \n"), absl::SkipEmpty());
  return words.size() == 2 ? Processors(words[0], words[1]) : 0;
}

int Version1(const std::string& folder) {
  return Processors(absl::StripAsciiWhitespace(ReadSmallFile(folder + "/cpu.cfs_quota_us")),
                    absl::StripAsciiWhitespace(ReadSmallFile(folder + "/cpu.cfs_period_us")));
}

// The tightest limit of `path` and all above it, up to the mount.
int Tightest(int (*read)(const std::string&), const std::string& mount, absl::string_view path) {
  int least = 0;
  while (true) {
    path = absl::StripSuffix(path, "/");
    const int here = read(absl::StrCat(mount, path));
    if (here > 0 && (least == 0 || here < least)) least = here;
    const size_t slash = path.rfind('/');
    if (slash == absl::string_view::npos) return least;
    path = path.substr(0, slash);
  }
}

int Allowed() {
  const size_t usable = UsableCpus().size();
  return usable > 0 ? static_cast<int>(usable) : static_cast<int>(std::max(1L, sysconf(_SC_NPROCESSORS_ONLN)));
}

}  // namespace

namespace internal {

int CgroupCpus(absl::string_view membership, absl::string_view root) {
  const std::string mount = absl::StrCat(root, "/sys/fs/cgroup");
  int least = 0;
  const auto lower = [&least](int limit) {
    if (limit > 0 && (least == 0 || limit < least)) least = limit;
  };
  // Lines of "number:controllers:path"; version 2 is the one with number 0 and no controllers.
  for (absl::string_view line : absl::StrSplit(membership, '\n', absl::SkipEmpty())) {
    const std::vector<absl::string_view> parts = absl::StrSplit(line, absl::MaxSplits(':', 2));
    if (parts.size() != 3) continue;
    if (parts[0] == "0" && parts[1].empty()) {
      lower(Tightest(&Version2, mount, parts[2]));
      continue;
    }
    for (absl::string_view controller : absl::StrSplit(parts[1], ',')) {
      if (controller != "cpu") continue;
      lower(Tightest(&Version1, absl::StrCat(mount, "/", parts[1]), parts[2]));
      lower(Tightest(&Version1, absl::StrCat(mount, "/cpu"), parts[2]));
    }
  }
  return least;
}

}  // namespace internal

std::vector<int> UsableCpus() {
  std::vector<int> usable;
#if defined(__linux__)
  // The mask of a large machine does not fit cpu_set_t: ask with more room until it does.
  for (int cpus = 1024; cpus <= 1 << 20 && usable.empty(); cpus *= 4) {
    cpu_set_t* set = CPU_ALLOC(static_cast<size_t>(cpus));
    if (set == nullptr) break;
    const size_t size = CPU_ALLOC_SIZE(static_cast<size_t>(cpus));
    if (sched_getaffinity(0, size, set) == 0) {
      for (int cpu = 0; cpu < cpus; ++cpu) {
        if (CPU_ISSET_S(static_cast<size_t>(cpu), size, set)) usable.push_back(cpu);
      }
    }
    CPU_FREE(set);
  }
#endif
  return usable;
}

int AvailableCpus() {
  const int allowed = Allowed();
  const int paid = internal::CgroupCpus(ReadSmallFile("/proc/self/cgroup"), "");
  return paid > 0 ? std::min(allowed, paid) : allowed;
}

StatusOr<int> DefaultWorkerThreads() {
  const char* text = std::getenv("KIOTO_WORKER_THREADS");
  if (text == nullptr) return std::min(AvailableCpus(), limits::kMaxWorkers);
  int workers = 0;
  if (!absl::SimpleAtoi(text, &workers) || workers < 1 || workers > limits::kMaxWorkers) {
    return absl::InvalidArgumentError(absl::StrCat("kioto: the environment variable KIOTO_WORKER_THREADS is \"", text,
                                                   "\": set it to a whole number from 1 to ", limits::kMaxWorkers,
                                                   ", or unset it to get one worker per processor"));
  }
  return workers;
}

}  // namespace kioto::base
