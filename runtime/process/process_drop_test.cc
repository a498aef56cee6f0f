// Futures of children, dropped after any number of polls: no fd is left, and the process, once there is one, goes on alone and is
// reaped when it ends, or is killed if that was asked for.
#include <signal.h>

#include <utility>

#include "gtest/gtest.h"
#include "kioto/runtime/process/testing/children.h"

namespace kioto::process {
namespace {

class ProcessDropTest : public ChildTest {
 protected:
  // make(command) gives a future that waits for the command's child. `at_once`: the child is there before the first poll.
  template <class Make>
  void ExpectLeavesTheProcessAlone(bool at_once, Make make) {
    CountedCalls calls;
    int started = 0;
    for (bool kill : {false, true}) {
      for (int polls = 0; polls < 4; ++polls) {
        RawPipe input;  // the child ends with it
        PolledTask task(make(Command("cat").Stdin(Stdio::Borrow(input.reading())).Stdout(Stdio::Piped()).KillOnDrop(kill)));
        for (int i = 0; i < polls; ++i) EXPECT_TRUE(task.Poll().pending());
        if (at_once || polls > 0) ++started;
        task.Drop();
        EXPECT_EQ(task.held(), 0);
        const int wakes = task.wakes();
        if (!kill) {
          EXPECT_EQ(HasChildren(), at_once || polls > 0);
          input.CloseWriting();
        }
        loop_.Await([&] { return calls.reaped.load() == started; });
        EXPECT_FALSE(HasChildren());
        if (at_once || polls > 0) {
          EXPECT_EQ(calls.last_signal.load(), kill ? SIGKILL : 0);
        }
        EXPECT_EQ(task.wakes(), wakes);
      }
    }
    EXPECT_EQ(started, at_once ? 8 : 6);
  }  // no fd is left: TearDown
};

// check: H1
TEST_F(ProcessDropTest, AWaitLeavesTheChildToTheNext) {
  for (int polls = 0; polls < 4; ++polls) {
    Child child = Spawn(Cat());
    const ChildStdin input = *child.TakeStdin();
    PolledTask dropped(child.Wait());
    for (int i = 0; i < polls; ++i) EXPECT_TRUE(dropped.Poll().pending());
    dropped.Drop();
    EXPECT_TRUE(child.StartKill().ok());
    EXPECT_EQ(Wait(child).signal(), SIGKILL);
    EXPECT_EQ(dropped.held(), 0);
    EXPECT_EQ(Wait(child).signal(), SIGKILL);
  }
}

// check: H1
TEST_F(ProcessDropTest, WaitWithOutput) {
  ExpectLeavesTheProcessAlone(true, [this](const Command& command) { return Spawn(command).WaitWithOutput(); });
}

// check: H1
TEST_F(ProcessDropTest, Status) {
  ExpectLeavesTheProcessAlone(false, [](const Command& command) { return command.Status(); });
}

// check: H1
TEST_F(ProcessDropTest, Output) {
  ExpectLeavesTheProcessAlone(false, [](const Command& command) { return command.Output(); });
}

}  // namespace
}  // namespace kioto::process
