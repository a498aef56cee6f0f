// Hashes every file of a tree, 16 at once, and says on stderr each second how far it has come.
//
//   bazel run //tools/examples/hash_tree -- DIRECTORY      # a line a file: its FNV-1a hash and its path
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "kioto/fs/file.h"
#include "kioto/fs/walk_dir.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/io/buffer.h"
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/time/sleep.h"

using namespace kioto;  // NOLINT: a program of one page
using namespace std::chrono_literals;

class Hasher {
 public:
  void Update(absl::string_view bytes) {
    for (const char c : bytes) hash_ = (hash_ ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  }
  uint64_t Finish() const { return hash_; }

 private:
  uint64_t hash_ = 0xcbf29ce484222325;
};

struct Progress {
  int64_t files = 0, bytes = 0, errors = 0;

  void Print() const {
    std::fprintf(stderr, "%lld files, %lld bytes, %lld errors\n", static_cast<long long>(files), static_cast<long long>(bytes),
                 static_cast<long long>(errors));
  }
};

// [region hash]
Future<StatusOr<uint64_t>> HashFile(const std::string& path, Progress& progress) {
  return fs::File::Open(path).AndThen([&progress](fs::File& file) {
    return With(Hasher(), Buffer(1 << 16), [&](Hasher& hash, Buffer& buf) {
      return Loop([&] {
        return file.Read(buf).AndThen([&](size_t n) -> Flow<uint64_t> {
          if (n == 0) return Break(hash.Finish());
          hash.Update(buf.first(n));
          progress.bytes += static_cast<int64_t>(n);
          return Continue();
        });
      });
    });
  });
}

Future<Status> HashTree(std::string root, Progress& progress) {
  const auto failed = [&progress](const Status& status) {
    ++progress.errors;
    std::fprintf(stderr, "%s\n", std::string(status.message()).c_str());
  };
  return ForEachConcurrent(fs::WalkDir(std::move(root)), 16, [&progress, failed](StatusOr<fs::WalkEntry>& entry) -> Future<Status> {
    if (!entry.ok()) failed(entry.status());  // of one directory: the walk goes on
    if (!entry.ok() || !entry->is_file()) return OkStatus();
    return HashFile(entry->path, progress).Then([&](StatusOr<uint64_t>& hash) {
      if (!hash.ok()) return failed(hash.status());
      ++progress.files;
      std::printf("%016llx %s\n", static_cast<unsigned long long>(*hash), entry->path.c_str());
    });
  });
}
// [end hash]

int main(int argc, char** argv) {
  Progress progress;
  const int code = Main([&] {
    return Race(HashTree(argc > 1 ? argv[1] : ".", progress), Loop([&progress] {
                  return Sleep(1s).Then([&progress]() -> Flow<Status> {
                    progress.Print();
                    return Continue();
                  });
                }));
  });
  progress.Print();
  return code != 0 ? code : progress.errors != 0;
}
