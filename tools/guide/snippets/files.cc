// The snippets of tools/guide/files.md, compiled and run.
#include <cstdio>
#include <string>
#include <utility>

#include "gtest/gtest.h"
#include "kioto/fs/file.h"
#include "kioto/fs/paths.h"
#include "kioto/fs/temp_dir.h"
#include "kioto/fs/temp_file.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/io/buffer.h"
#include "kioto/runtime/scheduler/runtime.h"

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

}  // namespace
}  // namespace kioto
