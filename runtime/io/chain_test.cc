#include "kioto/runtime/io/chain.h"

#include <string>
#include <utility>

#include "gtest/gtest.h"
#include "kioto/runtime/io/memory.h"
#include "kioto/runtime/io/read.h"
#include "kioto/runtime/io/testing/finish.h"
#include "kioto/runtime/io/testing/scripted_stream.h"

namespace kioto::io {
namespace {

// behaviour: tokio/tests/io_chain.rs#chain
TEST(Chain, GivesOneAfterTheOther) {
  auto reader = Chain(BytesReader("hello "), BytesReader("world"));
  EXPECT_EQ(*Finish(ReadToEnd(reader, 100)), "hello world");
}

// behaviour: tokio/tests/io_chain.rs#empty_read_does_not_skip_first
TEST(Chain, NothingIntoNothingIsNotTheEnd) {
  auto reader = Chain(BytesReader("hello "), BytesReader("world"));
  EXPECT_EQ(*Finish(Read(reader, MutableBytes())), 0u);
  EXPECT_EQ(*Finish(ReadToEnd(reader, 100)), "hello world");
}

TEST(Chain, WaitsAndFailsAsItsReadersDo) {
  ScriptedReader first({"a", PendingOnce{}, absl::InternalError("broken")});
  ScriptedReader second({PendingOnce{}, "b"});
  auto reader = Chain(ReaderRef(first), ReaderRef(second));
  char into[4];
  EXPECT_EQ(*Finish(Read(reader, into)), 1u);
  EXPECT_EQ(Finish(Read(reader, into)).status().message(), "broken");
  EXPECT_EQ(second.polls(), 0);
  EXPECT_EQ(*Finish(Read(reader, into)), 1u);
  EXPECT_EQ(into[0], 'b');
  EXPECT_EQ(*Finish(Read(reader, into)), 0u);
}

}  // namespace
}  // namespace kioto::io
