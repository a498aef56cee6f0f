// Rows of files, all of which are in the system's memory.
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <utility>

#include "kioto/fs/file.h"
#include "kioto/fs/paths.h"
#include "kioto/fs/walk_dir.h"
#include "kioto/runtime/future/and_then.h"
#include "kioto/runtime/future/for_each.h"
#include "kioto/runtime/future/with.h"
#include "kioto/runtime/io/buffer.h"
#include "tools/bench/bench.h"

namespace kioto::bench {
namespace {

// A directory of the row's own, gone at its end.
class Folder {
 public:
  explicit Folder(Bench& bench) : bench_(bench) {
    const char* tmp = ::getenv("TMPDIR");
    path_ = std::string(tmp != nullptr ? tmp : "/tmp") + "/kioto_bench.XXXXXX";
    Check(::mkdtemp(&path_[0]) != nullptr, "no directory");
  }
  ~Folder() { Check(bench_.runtime.BlockOn(fs::RemoveDirAll(path_)).ok(), "a directory that stays"); }
  const std::string& path() const { return path_; }

  std::string File(size_t size) const {
    std::string file = path_ + "/file";
    Check(bench_.runtime.BlockOn(fs::Write(file, std::string(size, '\1'))).ok(), "no file");
    return file;
  }

 private:
  Bench& bench_;
  std::string path_;
};

// Whole files of 64 KiB.
void FsRead(Bench& bench) {
  constexpr size_t kSize = 64 * 1024;
  const size_t times = bench.Times(20'000);
  const Folder folder(bench);
  const std::string path = folder.File(kSize);
  const auto start = Clock::now();
  Check(bench.runtime
            .BlockOn(bench.runtime.Spawn(Loop([&path, left = times]() mutable {
              return fs::Read(path).AndThen([&left](std::string& bytes) -> Flow<> {
                Check(bytes.size() == kSize && bytes.back() == 1, "a file's bytes");
                return --left > 0 ? Flow<>(Continue()) : Flow<>(Break());
              });
            })))
            .ok(),
        "a read");
  bench.Report(times, Clock::now() - start);
}

// One file of `passes` times `reads` times `size` bytes, through one File.
auto ReadThrough(fs::File& file, Buffer& buf, size_t reads, size_t passes) {
  return Loop([&file, &buf, reads, passes, left = reads]() mutable {
    return file.ReadExact(buf).AndThen([&]() -> Future<StatusOr<Flow<>>> {
      Check(buf.data()[buf.size() - 1] == 1, "a file's bytes");
      if (--left > 0) return Continue();
      if (--passes == 0) return Break();
      left = reads;
      return file.Seek(0).AndThen([](uint64_t&) -> Flow<> { return Continue(); });
    });
  });
}

void Reads(Bench& bench, size_t size, size_t reads, size_t passes, size_t ops) {
  const Folder folder(bench);
  const std::string path = folder.File(size * reads);
  const auto start = Clock::now();
  Check(bench.runtime
            .BlockOn(bench.runtime.Spawn(With(Buffer(size), [&path, reads, passes](Buffer& buf) {
              return fs::File::Open(path).AndThen(
                  [&buf, reads, passes](fs::File& file) { return ReadThrough(file, buf, reads, passes); });
            })))
            .ok(),
        "a read");
  bench.Report(ops, Clock::now() - start);
}

// 1 GiB, 256 KiB at a time: 16 times through 64 MiB. An operation is a MiB.
void FsReadLarge(Bench& bench) {
  const size_t passes = bench.Times(16);
  Reads(bench, 256 * 1024, 256, passes, 64 * passes);
}

// 100,000 reads of 4 KiB: 25 times through 4,000 of them.
void FsReadSmall(Bench& bench) {
  const size_t passes = bench.Times(25);
  Reads(bench, 4 * 1024, 4'000, passes, 4'000 * passes);
}

// Ten walks of a tree of 100 directories with 100 files each.
void FsWalk(Bench& bench) {
  constexpr size_t kDirs = 100, kFiles = 100;
  const size_t walks = bench.Times(10);
  const Folder folder(bench);
  for (size_t dir = 0; dir < kDirs; ++dir) {
    const std::string in = folder.path() + "/" + std::to_string(dir);
    Check(::mkdir(in.c_str(), 0700) == 0, "no directory");
    for (size_t file = 0; file < kFiles; ++file) {
      const int fd = ::open((in + "/" + std::to_string(file)).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
      Check(fd >= 0 && ::close(fd) == 0, "no file");
    }
  }
  const auto start = Clock::now();
  Check(bench.runtime
            .BlockOn(bench.runtime.Spawn(With(walks, size_t{0}, [&folder](size_t& left, size_t& files) {
              return Loop([&] {
                return ForEach(fs::WalkDir(folder.path()), [&](fs::WalkEntry& entry) { files += entry.is_file(); })
                    .AndThen([&]() -> Flow<> {
                      Check(std::exchange(files, 0) == kDirs * kFiles, "files of a walk");
                      return --left > 0 ? Flow<>(Continue()) : Flow<>(Break());
                    });
              });
            })))
            .ok(),
        "a walk");
  bench.Report(walks * kDirs * kFiles, Clock::now() - start);
}

}  // namespace

const Row kFileRows[] = {
    {"fs_read", FsRead}, {"fs_read_large", FsReadLarge}, {"fs_read_small", FsReadSmall}, {"fs_walk", FsWalk}, {nullptr, nullptr},
};

}  // namespace kioto::bench
