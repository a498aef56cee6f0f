// The snippets of tools/guide/files.md, compiled and run.
#include <errno.h>
#include <sys/types.h>
#include <unistd.h>

#include <cstddef>
#include <cstdio>
#include <string>
#include <utility>

#include "gtest/gtest.h"
#include "kioto/fs/file.h"
#include "kioto/fs/paths.h"
#include "kioto/fs/temp_dir.h"
#include "kioto/fs/temp_file.h"
#include "kioto/fs/walk_dir.h"
#include "kioto/runtime/blocking/spawn_blocking.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/io/buffer.h"
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/runtime/task/scope.h"

namespace kioto {
namespace {

// [region append]
// Done once the line is with the system; what happens to it in a power failure, SyncData would say.
Future<Status> Append(std::string path, std::string line) {
  return fs::OpenOptions().Append(true).Create(true).Open(std::move(path)).AndThen([line](fs::File& file) {
    return file.WriteAll(line).AndThen([&file] { return file.Close(); });
  });
}
// [end append]

// [region replace]
// Who reads `path` meanwhile finds the old text or the new one, and never half of one.
Future<Status> Replace(std::string folder, std::string path, std::string text) {
  return With(std::move(path), std::move(text), [folder](std::string& path, std::string& text) {
    return fs::TempFile::Create(folder).AndThen([&](fs::TempFile& temp) {
      return temp.file()
          .WriteAll(text)
          .AndThen([&temp] { return temp.file().SyncAll(); })
          .AndThen([&] { return temp.Persist(path); });
    });
  });
}
// [end replace]

// [region tree]
// A copy of a tree, without its links: each directory in its turn, before what goes into it, and up to 16 files at a time.
// No path ends with a slash.
Future<Status> CopyTree(std::string from, std::string to) {
  return Scoped(ScopeOptions{/*limit=*/16}, std::move(from), std::move(to), [](Scope& files, std::string& from, std::string& to) {
    return ForEach(fs::WalkDir(from), [&](fs::WalkEntry& entry) -> Future<Status> {
             std::string copy = to + entry.path.substr(from.size());
             if (entry.is_dir()) return fs::CreateDir(std::move(copy));
             if (!entry.is_file()) return OkStatus();
             files.Spawn(fs::Copy(entry.path, std::move(copy)));
             return files.Room();
           })
        .AndThen([&files] { return files.Wait(); });
  });
}
// [end tree]

// [region pread]
// Up to `size` bytes from `offset` on, wherever the cursor is.
Future<StatusOr<std::string>> ReadAt(fs::File& file, size_t size, off_t offset) {
  return file.TryClone().AndThen([size, offset](fs::File& clone) {
    return SpawnBlocking([file = std::move(clone), size, offset]() -> StatusOr<std::string> {
      std::string bytes(size, '\0');
      const ssize_t n = ::pread(file.fd(), &bytes[0], size, offset);
      if (n < 0) return ErrnoStatus(errno, "pread");
      bytes.resize(static_cast<size_t>(n));
      return bytes;
    });
  });
}
// [end pread]

TEST(Files, AreAppendedToAndReplaced) {
  Runtime runtime = *Runtime::CurrentThread();
  const fs::TempDir dir = *runtime.BlockOn(fs::TempDir::Create(testing::TempDir()));
  const std::string path = dir.path() + "/log";
  EXPECT_EQ(runtime.BlockOn(Append(path, "one\n")), OkStatus());
  EXPECT_EQ(runtime.BlockOn(Append(path, "two\n")), OkStatus());
  // [region read]
  StatusOr<std::string> text = runtime.BlockOn(fs::ReadToString(path));
  if (!text.ok()) std::fprintf(stderr, "%s\n", text.status().ToString().c_str());  // names path and errno
  // [end read]
  EXPECT_EQ(*text, "one\ntwo\n");
  EXPECT_EQ(runtime.BlockOn(Replace(dir.path(), path, "three\n")), OkStatus());
  EXPECT_EQ(*runtime.BlockOn(fs::ReadToString(path)), "three\n");
}

TEST(Files, AreCopiedAsATree) {
  Runtime runtime = *Runtime::CurrentThread();
  const fs::TempDir dir = *runtime.BlockOn(fs::TempDir::Create(testing::TempDir()));
  const std::string from = dir.path() + "/from", to = dir.path() + "/to";
  EXPECT_EQ(runtime.BlockOn(fs::CreateDirAll(from + "/a/b")), OkStatus());
  for (int i = 0; i < 40; ++i) {
    EXPECT_EQ(runtime.BlockOn(fs::Write(from + "/a/b/" + std::to_string(i), std::to_string(i))), OkStatus());
  }
  EXPECT_EQ(runtime.BlockOn(Lazy([&] { return CopyTree(from, to); })), OkStatus());
  for (int i = 0; i < 40; ++i) {
    EXPECT_EQ(*runtime.BlockOn(fs::ReadToString(to + "/a/b/" + std::to_string(i))), std::to_string(i));
  }
  EXPECT_FALSE(runtime.BlockOn(Lazy([&] { return CopyTree(from, to); })).ok());  // it is there
}

TEST(Files, AreReadAtAnOffset) {
  Runtime runtime = *Runtime::CurrentThread();
  const fs::TempDir dir = *runtime.BlockOn(fs::TempDir::Create(testing::TempDir()));
  EXPECT_EQ(runtime.BlockOn(fs::Write(dir.path() + "/file", "0123456789")), OkStatus());
  fs::File file = *runtime.BlockOn(fs::File::Open(dir.path() + "/file"));
  EXPECT_EQ(*runtime.BlockOn(ReadAt(file, 3, 4)), "456");
  EXPECT_EQ(*runtime.BlockOn(ReadAt(file, 10, 8)), "89");
  EXPECT_EQ(*runtime.BlockOn(file.ReadToEnd(100)), "0123456789");  // the cursor has not moved
}

}  // namespace
}  // namespace kioto
