// With KIOTO_SHORT_IO=7, each read and write of a stream in this program of tests moves 1 to 7 bytes, at random: what is made of
// streams must be the same. A test's own faults come first.
#include <stdlib.h>

#include <cstddef>
#include <cstdint>
#include <deque>

#include "gtest/gtest.h"
#include "kioto/runtime/base/sys_fault.h"

namespace kioto::base {
namespace {

class CutsStreams : public testing::EmptyTestEventListener {
 public:
  explicit CutsStreams(size_t most_bytes) : most_bytes_(most_bytes) {}

 private:
  void OnTestStart(const testing::TestInfo&) override {
    uint64_t seed = 5;
    for (const sys::Call call : {sys::Call::kRead, sys::Call::kWrite, sys::Call::kReadv, sys::Call::kWritev, sys::Call::kRecv,
                                 sys::Call::kSend, sys::Call::kRecvmsg, sys::Call::kSendmsg}) {
      faults_.emplace_back(call, sys::Fault::ShortStreams(most_bytes_, ++seed));
    }
  }
  void OnTestEnd(const testing::TestInfo&) override { faults_.clear(); }

  const size_t most_bytes_;
  std::deque<sys::ScopedFault> faults_;
};

const bool kListens = [] {
  const char* const most_bytes = ::getenv("KIOTO_SHORT_IO");
  if (most_bytes == nullptr) return false;
  testing::UnitTest::GetInstance()->listeners().Append(new CutsStreams(static_cast<size_t>(::atoi(most_bytes))));  // owned by gtest
  return true;
}();

}  // namespace
}  // namespace kioto::base
