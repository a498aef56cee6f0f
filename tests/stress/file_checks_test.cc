// Files under load and faults: I1, and C4 for the calls that files are made of (README.md).
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "kioto/fs/file.h"
#include "kioto/fs/paths.h"
#include "kioto/fs/temp_file.h"
#include "kioto/fs/walk_dir.h"
#include "kioto/runtime/base/random.h"
#include "kioto/runtime/base/status.h"
#include "kioto/runtime/base/sys_fault.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/tests/stress/stress.h"

namespace kioto {
namespace {

using base::sys::Call;
using base::sys::Fault;
using base::sys::ScopedFault;

std::string NewFolder() {
  std::string folder = testing::TempDir() + "/checks_XXXXXX";
  EXPECT_NE(::mkdtemp(&folder[0]), nullptr);
  return folder;
}

int OpenNow() {
  int open = 0;
  for (int fd = 0; fd < 1024; ++fd) open += ::fcntl(fd, F_GETFD) >= 0;
  return open;
}

class FileChecks : public testing::Test {
 protected:
  template <class F>
  auto Run(F future) {
    return runtime_.BlockOn(std::move(future));
  }
  // A write was lost with `error`: from here on the file says so.
  void SaysSoForEver(fs::File& file, int error) {
    for (int i = 0; i < 2; ++i) {
      EXPECT_EQ(ErrnoOf(Run(file.Flush())), error);
      EXPECT_EQ(ErrnoOf(Run(file.Write("more")).status()), error);
      EXPECT_EQ(ErrnoOf(Run(file.SyncAll())), error);
      EXPECT_EQ(ErrnoOf(Run(file.SyncData())), error);
    }
    EXPECT_EQ(ErrnoOf(Run(file.Close())), error);
  }

  Runtime runtime_ = *RuntimeBuilder::MultiThread().WorkerThreads(2).Build();
  const std::string folder_ = NewFolder();
  const std::string path_ = folder_ + "/file";
};

// A device that is full, and a file that may not grow: told by the next write or flush, and by every one after it.
// check: I1
TEST_F(FileChecks, WhatDoesNotFitIsToldForEver) {
  fs::File full = *Run(fs::OpenOptions().Write(true).Open("/dev/full"));
  EXPECT_EQ(*Run(full.Write("does not fit")), 12u);
  SaysSoForEver(full, ENOSPC);

  struct rlimit usual;
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &usual), 0);
  struct rlimit few = usual;
  few.rlim_cur = 64 * 1024;
  auto* const handler = ::signal(SIGXFSZ, SIG_IGN);
  fs::File file = *Run(fs::File::Create(path_));
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &few), 0);
  const Status written = Run(file.WriteAll(std::string(100 * 1024, 'x')));
  const Status flushed = Run(file.Flush());
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &usual), 0);
  EXPECT_EQ(written, OkStatus());
  EXPECT_EQ(ErrnoOf(flushed), EFBIG);
  SaysSoForEver(file, EFBIG);
  EXPECT_EQ(Run(fs::Read(path_))->size(), 64u * 1024);
  ::signal(SIGXFSZ, handler);
}

// Ten thousand files, written piece by piece while writes fail by chance and are cut short: a file that Close says OK of has every
// byte; where a write was lost, Close and all before it since then have said so.
// check: I1
TEST_F(FileChecks, NothingIsLostInSilence) {
  const int files = Scaled(10'000);
  int lost = 0;
  base::FastRandom random(17);
  ScopedFault cut(Call::kWrite, Fault::Short(3'000, 18));
  for (int i = 0; i < files; ++i) {
    constexpr int kErrors[] = {ENOSPC, EIO, EFBIG, EDQUOT};
    const int error = kErrors[random.Below(4)];
    fs::File file = *Run(fs::File::Create(path_));
    std::string expected;
    bool failed = false;
    {
      ScopedFault fault(Call::kWrite, Fault::Sometimes(0.1, error, random.Next()).On(file.fd()));
      const auto hear = [&](const Status& status) {
        EXPECT_TRUE(status.ok() ? !failed : ErrnoOf(status) == error) << status;
        failed |= !status.ok();
      };
      for (uint32_t writes = 1 + random.Below(4); writes > 0; --writes) {
        const std::string bytes(1 + random.Below(5'000), static_cast<char>('a' + writes));
        expected += bytes;
        hear(Run(file.WriteAll(bytes)));
        if (random.Below(2) == 0) hear(Run(file.Flush()));
      }
      hear(Run(file.Close()));
      ASSERT_EQ(failed, fault.hits() > 0);
    }
    lost += failed;
    ASSERT_TRUE(failed || *Run(fs::Read(path_)) == expected);
  }
  std::printf("%d files, %d of them lost a write and said so\n", files, lost);
  EXPECT_GT(lost, 0);
}

// What a program does with files, step by step; each step's status is heard, and no step needs that the one before went well.
class FileProgram {
  template <class F>
  auto On(F future) {
    return runtime_.BlockOn(std::move(future));
  }

 public:
  FileProgram(Runtime& runtime, std::string folder) : runtime_(runtime), folder_(std::move(folder)) {}

  template <class Hear>
  void Run(Hear hear) {
    const std::string a = folder_ + "/a", b = folder_ + "/b";
    hear(On(fs::Write(a, std::string(70'000, 'x'))));
    hear(On(fs::Read(a)).status());
    hear(On(fs::Copy(a, b)).status());
    StatusOr<fs::File> opened = On(fs::OpenOptions().Read(true).Write(true).Create(true).Open(b));
    hear(opened.status());
    if (opened.ok()) {
      Buffer buf(1'000);
      hear(On(opened->Read(buf)).status());
      hear(On(opened->GetMetadata()).status());
      hear(On(opened->WriteAll("some bytes")));
      hear(On(opened->Seek(0)).status());
      hear(On(opened->ReadToEnd(100'000)).status());
      hear(On(opened->Flush()));
      hear(On(opened->Close()));
    }
    StatusOr<fs::TempFile> temp = On(fs::TempFile::Create(folder_));
    hear(temp.status());
    if (temp.ok()) {
      hear(On(temp->file().WriteAll("whole")));
      hear(On(temp->Persist(a)));
    }
    hear(On(ForEach(fs::WalkDir(folder_), [&hear](StatusOr<fs::WalkEntry>& entry) { hear(entry.status()); })));
  }

 private:
  Runtime& runtime_;
  const std::string folder_;
};

// Each call that files are made of fails with each of twelve errors, the first one, the third one, some by chance: what fails says so
// with that error and its code, what has not met it goes well, and nothing is left open.
// check: C4
TEST_F(FileChecks, EachFaultOfACallIsToldByItsName) {
  constexpr Call kCalls[] = {Call::kOpen, Call::kOpenCached, Call::kFstat, Call::kRead, Call::kPreadv2, Call::kWrite, Call::kClose};
  constexpr int kErrors[] = {EINTR,  EAGAIN,       EMFILE,     ENFILE, ENOMEM, ENOBUFS,
                             ENOSPC, ECONNABORTED, ECONNRESET, EPIPE,  EIO,    EPERM};
  FileProgram program(runtime_, folder_);
  program.Run([](const Status& status) { EXPECT_TRUE(status.ok()) << status; });
  int combinations = 0, told = 0;
  for (const Call call : kCalls) {
    for (const int error : kErrors) {
      for (const Fault& fault : {Fault::First(1, error), Fault::Nth(3, error), Fault::Sometimes(0.2, error, 5)}) {
        const int before = OpenNow();
        const bool hidden = error == EINTR || call == Call::kPreadv2 || call == Call::kOpenCached;  // made again; done by a job
        int failures = 0;
        int64_t hits = 0;
        {
          ScopedFault scoped(call, fault);
          program.Run([&](const Status& status) {
            if (status.ok()) return;
            ++failures;
            EXPECT_EQ(ErrnoOf(status), error) << status;
            EXPECT_EQ(status.code(), ErrnoStatus(error, "").code()) << status;
          });
          hits = scoped.hits();
        }
        EXPECT_TRUE(failures == 0 || (hits > 0 && !hidden)) << failures;
        EXPECT_EQ(OpenNow(), before);
        told += failures;
        ++combinations;
      }
    }
  }
  std::printf("%d combinations, %d failures told\n", combinations, told);
  EXPECT_GT(told, combinations / 4);
}

}  // namespace
}  // namespace kioto
