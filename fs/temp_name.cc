#include "kioto/fs/temp_name.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "kioto/fs/job.h"
#include "kioto/fs/remove_tree.h"
#include "kioto/runtime/base/random.h"
#include "kioto/runtime/blocking/spawn_blocking.h"

namespace kioto::fs::internal {
namespace {

constexpr int kTries = 100;         // names: one in 62^12 is taken
constexpr size_t kRandomLetters = 12;

std::string RandomName(absl::string_view prefix) {
  constexpr absl::string_view kLetters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  // With the process's number: processes may be told the same seed.
  base::FastRandom random(base::NextSeed() ^ (static_cast<uint64_t>(::getpid()) << 32));
  std::string name(prefix);
  for (size_t i = 0; i < kRandomLetters; ++i) name += kLetters[random.Below(static_cast<uint32_t>(kLetters.size()))];
  return name;
}

class RemoveJob {
 public:
  using Output = Outcome<int>;
  explicit RemoveJob(std::string path) : path_(std::move(path)) {}
  Poll<Output> PollOnce(Context&) { return Output{RemoveTree(path_.c_str())}; }

 private:
  std::string path_;
};

}  // namespace

std::string TempName::DirOr(std::string dir) {
  if (!dir.empty()) return dir;
  const char* const tmpdir = ::getenv("TMPDIR");
  return tmpdir != nullptr && *tmpdir != '\0' ? tmpdir : "/tmp";
}

StatusOr<TempName> TempName::Make(const char* what, std::string dir, absl::string_view prefix,
                                  absl::FunctionRef<int(const char*)> create) {
  if (absl::StrContains(prefix, '/')) {
    return absl::InvalidArgumentError(absl::StrCat(what, ": the prefix '", prefix, "' has a '/', which would lead out of the directory"));
  }
  dir = DirOr(std::move(dir));
  for (int tries = 1;; ++tries) {
    std::string path = absl::StrCat(dir, "/", RandomName(prefix));
    const int made = create(path.c_str());
    if (made >= 0) {
      TempName name;
      name.path_ = std::move(path);
      return name;
    }
    if (made != -EEXIST || tries == kTries) return PathError(made, what, path);
  }
}

TempName::~TempName() {
  if (path_.empty()) return;
  auto job = kioto::internal::SpawnMandatoryBlocking(RemoveJob(path_));
  // Refused, its status is there by now.
  if (auto done = job.TryTake(); done && !done->ok()) static_cast<void>(RemoveTree(path_.c_str()));
}

}  // namespace kioto::fs::internal
