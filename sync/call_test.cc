#include "kioto/sync/call.h"

#include <optional>
#include <string>
#include <utility>

#include "gtest/gtest.h"
#include "kioto/runtime/future/testing/polled_task.h"

namespace kioto::sync {
namespace {

struct Job {
  std::string text;
  OneshotSender<size_t> reply;
};

auto Count(const MpscSender<Job>& pool, std::string text) {
  return Call<size_t>(pool, [text = std::move(text)](auto reply) mutable {
    return Job{std::move(text), std::move(reply)};
  });
}

TEST(CallTest, TheJobGoesOutAndTheAnswerComesBack) {
  auto jobs = Mpsc<Job>(1);
  PolledTask first(Count(jobs.sender, "four"));
  PolledTask second(Count(jobs.sender, "fifth"));
  EXPECT_TRUE(jobs.receiver.IsEmpty());  // nothing before the first poll
  EXPECT_TRUE(first.Poll().pending());
  EXPECT_TRUE(second.Poll().pending());  // waits for room
  auto job = jobs.receiver.TryRecv();
  EXPECT_TRUE(job->reply.Send(job->text.size()));
  EXPECT_EQ((*first.Poll()).value(), 4u);
  EXPECT_EQ(second.wakes(), 1);
  EXPECT_TRUE(second.Poll().pending());
  job = jobs.receiver.TryRecv();
  EXPECT_TRUE(job->reply.Send(job->text.size()));
  EXPECT_EQ((*second.Poll()).value(), 5u);
}

TEST(CallTest, ALostJobOrReceiverIsClosed) {
  auto jobs = Mpsc<Job>(2);
  PolledTask lost(Count(jobs.sender, "x"));
  EXPECT_TRUE(lost.Poll().pending());
  { auto job = jobs.receiver.TryRecv(); }
  EXPECT_EQ(lost.wakes(), 1);
  EXPECT_TRUE(IsClosed((*lost.Poll()).status()));
  jobs.receiver.reset();
  PolledTask closed(Count(jobs.sender, "y"));
  EXPECT_TRUE(IsClosed((*closed.Poll()).status()));
}

TEST(CallTest, UnboundedPoolsToo) {
  auto jobs = MpscUnbounded<Job>();
  PolledTask call(Call<size_t>(jobs.sender, [](auto reply) { return Job{"abc", std::move(reply)}; }));
  EXPECT_TRUE(call.Poll().pending());
  auto job = jobs.receiver.TryRecv();
  EXPECT_TRUE(job->reply.Send(3));
  EXPECT_EQ((*call.Poll()).value(), 3u);
}

// check: H1
TEST(CallTest, DroppedAtAnyPointTheWorkerSeesIt) {
  for (int polls = 0; polls < 3; ++polls) {
    auto jobs = Mpsc<Job>(1);
    PolledTask call(Count(jobs.sender, "x"));
    for (int i = 0; i < polls; ++i) EXPECT_TRUE(call.Poll().pending());
    call.Drop();
    EXPECT_EQ(call.held(), 0);
    if (polls > 0) {
      auto job = jobs.receiver.TryRecv();
      EXPECT_TRUE(job->reply.IsClosed());
    }
    EXPECT_TRUE(jobs.receiver.IsEmpty());
  }
}

}  // namespace
}  // namespace kioto::sync
