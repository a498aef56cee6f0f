// Looks for a string in every file of a tree, with all processors: a task for each file, 64 at a time. As `grep -rnFI`: a line
// that has it is printed with its path and number, links and binary files are left out; exits with 1 if there is none.
//
//   bazel run //tools/examples/grep -- STRING DIRECTORY
#include <cstdio>
#include <cstring>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "kioto/fs/paths.h"
#include "kioto/fs/walk_dir.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/scheduler/runtime.h"

using namespace kioto;  // NOLINT: a program of one page

std::string Matches(const std::string& path, absl::string_view text, absl::string_view needle) {
  std::string found;
  if (absl::string_view(text).find('\0') != absl::string_view::npos) return found;  // binary
  for (int number = 1; !text.empty(); ++number) {
    const absl::string_view line = text.substr(0, text.find('\n'));
    if (line.find(needle) != absl::string_view::npos) absl::StrAppend(&found, path, ":", number, ":", line, "\n");
    text.remove_prefix(line.size() < text.size() ? line.size() + 1 : line.size());
  }
  return found;
}

// [region grep]
// Owns what it uses: it is a task of its own.
Future<StatusOr<std::string>> Search(std::string path, std::string needle) {
  return With(std::move(path), std::move(needle), [](std::string& path, std::string& needle) {
    return fs::Read(path).AndThen([&](std::string& text) { return Matches(path, text, needle); });
  });
}

struct Result {
  bool found = false, failed = false;
};

Future<Status> Grep(const std::string& needle, std::string root, Result& result) {
  const auto failed = [&result](const Status& status) {
    result.failed = true;
    std::fprintf(stderr, "%s\n", std::string(status.message()).c_str());
  };
  return ForEachConcurrent(fs::WalkDir(std::move(root)), 64, [&, failed](StatusOr<fs::WalkEntry>& entry) -> Future<Status> {
    if (!entry.ok()) failed(entry.status());
    if (!entry.ok() || !entry->is_file()) return OkStatus();
    return Spawn(Search(std::move(entry->path), needle)).Then([&result, failed](StatusOr<std::string>& lines) {
      if (!lines.ok()) return failed(lines.status());
      result.found |= !lines->empty();
      std::fwrite(lines->data(), 1, lines->size(), stdout);
    });
  });
}
// [end grep]

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: grep STRING DIRECTORY\n");
    return 2;
  }
  Result result;
  const std::string needle = argv[1];
  if (Main([&] { return Grep(needle, argv[2], result); }) != 0 || result.failed) return 2;
  return result.found ? 0 : 1;
}
