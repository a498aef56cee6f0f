// With KIOTO_SHORT_IO=7, each read and write of a stream in this program of tests moves 1 to 7 bytes, at random; with 1, one byte.
// What is made of streams must be the same. A test's own faults come first.
#include "kioto/runtime/base/testing/short_io.h"

#include <stdlib.h>

#include <cstddef>
#include <cstdint>
#include <deque>

#include "gtest/gtest.h"
#include "kioto/runtime/base/sys_fault.h"

namespace kioto {
namespace {

namespace sys = base::sys;

class CutsStreams : public testing::EmptyTestEventListener {
 public:
  explicit CutsStreams(size_t most_bytes) : most_bytes_(most_bytes) {}

 private:
  void OnTestStart(const testing::TestInfo&) override {
    uint64_t seed = 5;
    for (const sys::Call call : {sys::Call::kRead, sys::Call::kWrite, sys::Call::kReadv, sys::Call::kWritev, sys::Call::kRecv,
                                 sys::Call::kSend, sys::Call::kRecvmsg, sys::Call::kSendmsg, sys::Call::kSplice}) {
      faults_.emplace_back(call, sys::Fault::ShortStreams(most_bytes_, ++seed));
    }
  }
  void OnTestEnd(const testing::TestInfo&) override { faults_.clear(); }

  const size_t most_bytes_;
  std::deque<sys::ScopedFault> faults_;
};

// 0: they are not cut.
size_t MostBytes() {
  static const char* const most_bytes = ::getenv("KIOTO_SHORT_IO");
  return most_bytes == nullptr ? 0 : static_cast<size_t>(::atoi(most_bytes));
}

const bool kListens = [] {
  if (!StreamsAreCut()) return false;
  testing::UnitTest::GetInstance()->listeners().Append(new CutsStreams(MostBytes()));  // owned by gtest
  return true;
}();

}  // namespace

bool StreamsAreCut() { return MostBytes() != 0; }

}  // namespace kioto
