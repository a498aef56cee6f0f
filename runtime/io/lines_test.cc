#include "kioto/runtime/io/lines.h"

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/future/internal/borrow.h"
#include "kioto/runtime/future/testing/polled_task.h"
#include "kioto/runtime/future/wait_trace.h"
#include "kioto/runtime/io/errors.h"
#include "kioto/runtime/io/pipe.h"
#include "kioto/runtime/io/testing/scripted_stream.h"

namespace kioto::io {
namespace {

StatusOr<std::optional<std::string>> Next(Lines& lines) {
  while (true) {
    PolledTask task(lines.Next());  // a new future for each poll: nothing may be lost
    auto poll = task.Poll();
    if (poll.ready()) return *std::move(poll);
    EXPECT_TRUE(task.wakes() > 0 || task.yielded()) << "pending without a wake";
  }
}

std::vector<std::string> All(Lines& lines) {
  std::vector<std::string> all;
  while (true) {
    auto line = Next(lines);
    if (!line.ok()) {
      all.push_back("error");
    } else if (line->has_value()) {
      all.push_back(**line);
    } else {
      return all;
    }
  }
}

using Strings = std::vector<std::string>;

// behaviour: tokio/tests/io_lines.rs#lines_inherent
TEST(Lines, StripTheirEnds) {
  ScriptedReader reader({"hello\r\nworld\n\n"});
  Lines lines(reader, 100);
  EXPECT_EQ(All(lines), (Strings{"hello", "world", ""}));
  EXPECT_EQ(Next(lines)->has_value(), false);  // and again
}

TEST(Lines, GiveALastLineWithoutItsEnd) {
  ScriptedReader reader({"a\nb"});
  Lines lines(reader, 100);
  EXPECT_EQ(All(lines), (Strings{"a", "b"}));
  ScriptedReader empty({});
  Lines none(empty, 100);
  EXPECT_EQ(All(none), Strings{});
}

TEST(Lines, KeepACarriageReturnThatEndsNoLine) {
  ScriptedReader reader({"a\rb\n\r\nc\r"});
  Lines lines(reader, 100);
  EXPECT_EQ(All(lines), (Strings{"a\rb", "", "c\r"}));
}

TEST(Lines, DoNotDependOnHowTheBytesArrive) {
  const std::string sent = "one\r\ntwo\n\nthree\r\nfour";
  for (size_t step = 1; step < sent.size(); ++step) {
    std::deque<ScriptedReader::Step> steps;
    for (size_t i = 0; i < sent.size(); i += step) {
      steps.push_back(sent.substr(i, step));
      steps.push_back(PendingOnce{});
    }
    ScriptedReader reader(steps);
    Lines lines(reader, 5);
    EXPECT_EQ(All(lines), (Strings{"one", "two", "", "three", "four"})) << step;
  }
}

TEST(Lines, RefuseALongLineAndGoOnBehindIt) {
  for (size_t step : {1, 2, 3, 7, 100}) {
    const std::string sent = "12345\n123456\n12345\r\n1234567890123456789\nend\n123456";
    std::deque<ScriptedReader::Step> steps;
    for (size_t i = 0; i < sent.size(); i += step) steps.push_back(sent.substr(i, step));
    ScriptedReader reader(steps);
    Lines lines(reader, 5);
    EXPECT_EQ(All(lines), (Strings{"12345", "error", "12345", "error", "end", "error"})) << step;
  }
}

// A limit of SIZE_MAX is none, also for a line that comes in pieces.
TEST(Lines, MayHaveNoLimit) {
  std::deque<ScriptedReader::Step> steps;
  for (char c : absl::string_view("12345\r\n\nend")) steps.push_back(std::string(1, c));
  ScriptedReader reader(steps);
  Lines lines(reader, SIZE_MAX);
  EXPECT_EQ(All(lines), (Strings{"12345", "", "end"}));
}

TEST(Lines, BoundTheirMemoryWhateverThePeerSends) {
  std::deque<ScriptedReader::Step> steps(1000, std::string(1000, 'x'));
  ScriptedReader reader(steps);
  Lines lines(reader, 64);
  EXPECT_TRUE(IsLimitExceeded(Next(lines).status()));
  EXPECT_FALSE(Next(lines)->has_value());  // all the rest belonged to that line
  EXPECT_LE(lines.buffered().size(), 66u);
}

TEST(Lines, LoseNothingWhenNextIsDropped) {
  ScriptedReader reader({"par", PendingOnce{}, "tial\nrest"});
  Lines lines(reader, 100);
  PolledTask task(lines.Next());
  EXPECT_TRUE(task.Poll().pending());
  task.Drop();
  EXPECT_EQ(lines.buffered(), "par");
  EXPECT_EQ(**Next(lines), "partial");
}

TEST(Lines, MayBeMovedBetweenTwoCalls) {
  ScriptedReader reader({"one\ntwo\n"});
  Lines lines(reader, 100);
  EXPECT_EQ(**Next(lines), "one");
  Lines moved = std::move(lines);
  EXPECT_EQ(**Next(moved), "two");
}

TEST(Lines, PassErrorsOnAndKeepWhatCameBefore) {
  ScriptedReader reader({"ab", absl::InternalError("broken"), "c\n"});
  Lines lines(reader, 100);
  EXPECT_EQ(Next(lines).status().message(), "broken");
  EXPECT_EQ(**Next(lines), "abc");
}

TEST(Lines, YieldWhenManyAreAtHand) {
  constexpr int kLines = 3 * limits::kPollBudget * limits::kPartsOfUnit;
  ScriptedReader reader({std::string(kLines, '\n')});
  Lines lines(reader, 10);
  struct AllLines : FutureBase<AllLines, Status> {
    explicit AllLines(Lines& lines) : lines(&lines) {}
    Poll<Status> PollOnce(Context& cx) {
      while (true) {
        auto line = lines->PollNext(cx);
        if (line.pending()) return kPending;
        if (!line->has_value()) return OkStatus();
        ++count;
      }
    }
    Lines* lines;
    int count = 0;
  };
  PolledTask task(AllLines{lines});
  int polls = 0;
  while (task.Poll().pending()) {
    ++polls;
    EXPECT_TRUE(task.yielded());
    EXPECT_LE(task.budget_used(), limits::kPollBudget);
  }
  EXPECT_GE(polls, kLines / (limits::kPollBudget * limits::kPartsOfUnit));
}

#if KIOTO_CHECK_BORROWS
// Its Lines reads from where its stream was before With moved it: a step's stack.
struct Session {
  ScriptedReader stream{{std::string("a\n")}};
  Lines lines{stream, 100};
  auto Run() { return lines.Next(); }
};

TEST(LinesDeathTest, AFrameThatWasMovedAwayFromItsLines) {
  auto moved = Ready(1).Then([](int&) { return With(Session(), &Session::Run); });
  EXPECT_DEATH(static_cast<void>(PolledTask(std::move(moved)).Poll()), "kioto: a future borrows from the stack of a step");
  auto in_place = Ready(1).Then([](int&) { return With(InPlace<Session>(), &Session::Run); });
  EXPECT_TRUE(PolledTask(std::move(in_place)).PollWhileWoken().ready());
}
#endif

TEST(Lines, ShowWhatTheyReadInADump) {
  DuplexPipe pipe = Duplex(16);
  Lines lines(pipe.first, 100);
  WaitTrace trace(8);
  trace.Child(lines.Next());
  const std::vector<WaitNode> nodes = trace.Take();
  ASSERT_EQ(nodes.size(), 2u);
  EXPECT_EQ(nodes[0].what, "Lines::Next");
  EXPECT_EQ(nodes[1].what, "DuplexStream");
}

}  // namespace
}  // namespace kioto::io
