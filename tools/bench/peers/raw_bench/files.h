// Files in plain blocking code: open, read, readdir, on the one thread there is. Sizes and numbers are kioto_bench's.
#pragma once

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "report.h"

namespace files {

// A directory of the row's own, gone at its end.
class Folder {
 public:
  Folder() {
    const char* tmp = std::getenv("TMPDIR");
    path = std::string(tmp != nullptr ? tmp : "/tmp") + "/raw_bench.XXXXXX";
    if (mkdtemp(&path[0]) == nullptr) std::_Exit(1);
  }
  ~Folder() {
    for (auto made = made_.rbegin(); made != made_.rend(); ++made) std::remove(made->c_str());
    std::remove(path.c_str());
  }
  std::string Dir(const std::string& name) {
    if (mkdir((path + "/" + name).c_str(), 0700) != 0) std::_Exit(1);
    return Made(name);
  }
  std::string File(const std::string& name, size_t size) {
    const std::string bytes(size, '\1');
    const int fd = open((path + "/" + name).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, bytes.data(), size) != static_cast<ssize_t>(size) || close(fd) != 0) std::_Exit(1);
    return Made(name);
  }
  std::string path;

 private:
  const std::string& Made(const std::string& name) {
    made_.push_back(path + "/" + name);
    return made_.back();
  }
  std::vector<std::string> made_;
};

inline bool ReadExactly(int fd, std::vector<char>& buffer) {
  size_t done = 0;
  while (done < buffer.size()) {
    const ssize_t n = read(fd, buffer.data() + done, buffer.size() - done);
    if (n <= 0) return false;
    done += static_cast<size_t>(n);
  }
  return buffer.back() == 1;
}

inline bool Whole(const std::string& path, size_t size) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat st;
  if (fd < 0 || fstat(fd, &st) != 0 || static_cast<size_t>(st.st_size) != size) return false;
  std::vector<char> bytes(size);
  char more;
  const bool good = ReadExactly(fd, bytes) && read(fd, &more, 1) == 0;
  close(fd);
  return good;
}

inline bool Reads(const char* row, int threads, size_t size, size_t reads, size_t passes, size_t ops) {
  Folder folder;
  const std::string path = folder.File("file", size * reads);
  return Report(row, threads, ops, [&] {
    const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    std::vector<char> buffer(size);
    for (size_t pass = 0; pass < passes; ++pass) {
      if (lseek(fd, 0, SEEK_SET) != 0) return false;
      for (size_t i = 0; i < reads; ++i) {
        if (!ReadExactly(fd, buffer)) return false;
      }
    }
    return close(fd) == 0;
  });
}

inline size_t Walk(const std::string& path) {
  DIR* const dir = opendir(path.c_str());
  if (dir == nullptr) return 0;
  size_t files = 0;
  std::vector<std::string> below;
  while (const dirent* entry = readdir(dir)) {
    if (std::strcmp(entry->d_name, ".") == 0 || std::strcmp(entry->d_name, "..") == 0) continue;
    std::string name = path + "/" + entry->d_name;
    if (entry->d_type == DT_DIR) {
      below.push_back(std::move(name));
    } else {
      files += entry->d_type == DT_REG && !name.empty();
    }
  }
  closedir(dir);
  for (const std::string& name : below) files += Walk(name);
  return files;
}

inline bool Walks(const char* row, int threads) {
  constexpr size_t kDirs = 100, kFiles = 100, kWalks = 10;
  Folder folder;
  for (size_t dir = 0; dir < kDirs; ++dir) {
    folder.Dir(std::to_string(dir));
    for (size_t file = 0; file < kFiles; ++file) folder.File(std::to_string(dir) + "/" + std::to_string(file), 0);
  }
  return Report(row, threads, kWalks * kDirs * kFiles, [&] {
    for (size_t i = 0; i < kWalks; ++i) {
      if (Walk(folder.path) != kDirs * kFiles) return false;
    }
    return true;
  });
}

// Whether the row is one of files; it ends the program if its work was not done.
inline bool Run(const std::string& row, int threads) {
  bool good;
  if (row == "fs_read") {
    Folder folder;
    const std::string path = folder.File("file", 64 * 1024);
    good = Report("fs_read", threads, 20'000, [&] {
      for (int i = 0; i < 20'000; ++i) {
        if (!Whole(path, 64 * 1024)) return false;
      }
      return true;
    });
  } else if (row == "fs_read_large") {
    good = Reads("fs_read_large", threads, 256 * 1024, 256, 16, 1024);
  } else if (row == "fs_read_small") {
    good = Reads("fs_read_small", threads, 4 * 1024, 4'000, 25, 100'000);
  } else if (row == "fs_walk") {
    good = Walks("fs_walk", threads);
  } else {
    return false;
  }
  if (!good) {
    std::fprintf(stderr, "raw_bench: %s: wrong result\n", row.c_str());
    std::_Exit(1);
  }
  return true;
}

}  // namespace files
