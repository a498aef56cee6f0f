// What tests of temporary files and directories need.
#ifndef KIOTO_FS_TESTING_TEMP_H_
#define KIOTO_FS_TESTING_TEMP_H_

#include <unistd.h>

#include <string>

#include "kioto/fs/read_dir.h"
#include "kioto/fs/testing_fs.h"

namespace kioto::fs {

class TempTest : public FsTest {
 protected:
  // Once what was dropped is removed: a runtime waits for that at its end.
  int NamesLeft() {
    EndRuntime();
    int names = 0;
    ReadDir dir = *Run(OpenDir(dir_));
    while ((*Run(dir.NextEntry())).has_value()) ++names;
    return names;
  }
  static bool Exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }
};

}  // namespace kioto::fs

#endif  // KIOTO_FS_TESTING_TEMP_H_
