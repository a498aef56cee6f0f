#include "kioto/runtime/io/stdio.h"

#include <sys/socket.h>

#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "kioto/runtime/base/sys.h"
#include "kioto/runtime/future/testing/polled_task.h"
#include "kioto/runtime/io/text.h"
#include "kioto/runtime/scheduler/runtime.h"

namespace kioto::io {
namespace {

namespace sys = base::sys;

// A runtime, and a stream in which each write stays what it was.
class StdioTest : public testing::Test {
 protected:
  StdioTest() : runtime_(*RuntimeBuilder::CurrentThread().Build()) {
    int fds[2];
    EXPECT_EQ(sys::Socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds), 0);
    here_ = fds[0];
    there_ = fds[1];
  }
  ~StdioTest() override {
    if (here_ >= 0) sys::Close(here_);
    if (there_ >= 0) sys::Close(there_);
  }
  // The writes that have come.
  std::vector<std::string> Writes() {
    std::vector<std::string> all;
    char buffer[1024];
    for (ssize_t n; (n = sys::Read(there_, buffer, sizeof(buffer))) > 0;) all.emplace_back(buffer, n);
    return all;
  }
  static std::string Joined(const std::vector<std::string>& pieces) {
    std::string all;
    for (const std::string& piece : pieces) all += piece;
    return all;
  }
  static bool IsText(absl::string_view bytes) { return Utf8Prefix(bytes) == bytes.size(); }

  Runtime runtime_;
  int here_ = -1, there_ = -1;
};

// behaviour: tokio/src/io/stdio_common.rs#test_splitter
TEST_F(StdioTest, NoWriteCutsACharacter) {
  std::string text;
  while (text.size() < 500) text += "aä€😀";  // one to four bytes
  for (size_t most = 4; most < 20; ++most) {
    internal::BlockingFdWriter out(here_, most);
    EXPECT_EQ(runtime_.BlockOn(out.WriteAll(text).AndThen([&] { return out.Flush(); })), OkStatus());
    const std::vector<std::string> writes = Writes();
    EXPECT_GE(writes.size(), text.size() / most);
    for (const std::string& write : writes) {
      EXPECT_LE(write.size(), most);
      EXPECT_TRUE(IsText(write)) << write;
    }
    EXPECT_EQ(Joined(writes), text);
  }
}

// behaviour: tokio/src/io/stdio_common.rs#test_pseudo_text
TEST_F(StdioTest, WhatIsNoTextIsCutAnywhere) {
  constexpr size_t kMost = 100;
  const std::string bytes = std::string(kMost - 5, 'a') + std::string(15, '\xBF');
  internal::BlockingFdWriter out(here_, kMost);
  EXPECT_EQ(runtime_.BlockOn(out.WriteAll(bytes).AndThen([&] { return out.Flush(); })), OkStatus());
  const std::vector<std::string> writes = Writes();
  ASSERT_EQ(writes.size(), 2u);
  EXPECT_GE(writes[0].size(), kMost - 5);
  EXPECT_EQ(Joined(writes), bytes);
}

TEST_F(StdioTest, AWriteIsDoneWhenItIsTakenAndItsErrorComesNext) {
  internal::BlockingFdWriter out(here_);
  sys::Close(std::exchange(there_, -1));
  EXPECT_EQ(*runtime_.BlockOn(Write(out, "lost")), 4u);
  EXPECT_EQ(ErrnoOf(runtime_.BlockOn(out.Flush())), EPIPE);  // and no SIGPIPE
  EXPECT_EQ(runtime_.BlockOn(out.Flush()), OkStatus());      // told once
}

// check: H1
TEST_F(StdioTest, DroppedAtAnyPointAReadLosesNothing) {
  internal::BlockingFdReader in(here_);
  char buffer[16];
  for (int polls = 0; polls < 4; ++polls) {
    auto guard = runtime_.Enter();
    PolledTask dropped(in.Read(buffer));
    for (int i = 0; i < polls; ++i) EXPECT_TRUE(dropped.Poll().pending());
    dropped.Drop();
    EXPECT_EQ(sys::Write(there_, "kept", 4), 4);
    EXPECT_EQ(*runtime_.BlockOn(in.Read(buffer)), 4u);
    EXPECT_EQ(std::string(buffer, 4), "kept");
    EXPECT_EQ(dropped.held(), 0);  // what reads next has its place
  }
}

TEST_F(StdioTest, AReadThatWasDroppedGivesItsBytesToTheNext) {
  internal::BlockingFdReader in(here_);
  char buffer[16];
  {
    auto guard = runtime_.Enter();
    PolledTask dropped(in.Read(buffer));
    EXPECT_TRUE(dropped.Poll().pending());
  }
  EXPECT_EQ(sys::Write(there_, "hello", 5), 5);
  EXPECT_EQ(*runtime_.BlockOn(in.Read(MutableBytes(buffer, 2))), 2u);
  EXPECT_EQ(std::string(buffer, 2), "he");
  EXPECT_EQ(*runtime_.BlockOn(in.Read(buffer)), 3u);
  EXPECT_EQ(std::string(buffer, 3), "llo");
  sys::Close(std::exchange(there_, -1));
  EXPECT_EQ(*runtime_.BlockOn(in.Read(buffer)), 0u);
}

TEST_F(StdioTest, OutsideARuntimeItSaysSo) {
  internal::BlockingFdWriter out(here_);
  PolledTask write(Write(out, "x"));
  (void)write.Poll();
  PolledTask flush(out.Flush());
  EXPECT_EQ((*flush.Poll()).code(), absl::StatusCode::kFailedPrecondition);
}

// The three are what they are called.
TEST_F(StdioTest, StandardErrorIsFdTwo) {
  const int before = ::dup(2);
  ASSERT_EQ(::dup2(here_, 2), 2);
  Stderr err;
  const Status written = runtime_.BlockOn(err.WriteAll(std::string("oops")).AndThen([&] { return err.Flush(); }));
  ASSERT_EQ(::dup2(before, 2), 2);
  sys::Close(before);
  EXPECT_EQ(written, OkStatus());
  EXPECT_EQ(Writes(), std::vector<std::string>{"oops"});
}

}  // namespace
}  // namespace kioto::io
