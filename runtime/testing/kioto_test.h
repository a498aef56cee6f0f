// KIOTO_TEST: a GoogleTest whose body returns a future, which is run to its end in a runtime of its own.
//
//   KIOTO_TEST(SessionTest, EndsAfterAnHour, test::Paused()) {
//     return With(Session(), [](Session& session) {
//       return Sleep(1h).Then([&](Unit&) { EXPECT_TRUE(session.ended()); });
//     });
//   }
//
//   KIOTO_TEST(Suite, Name)  KIOTO_TEST(Suite, Name, options)         // options.h: flavour, paused clock, seed, time limit
//   KIOTO_TEST_F(Fixture, Name)  KIOTO_TEST_F(Fixture, Name, options) // the body is a member of a class derived from Fixture
//
// The body is called inside the runtime, so it may Spawn, and look at the clock. It returns a future of any output (or an OK
// Status): one that gives a bad Status, or throws, fails the test. EXPECT_… in steps and tasks works as ever; ASSERT_… only
// in steps that return nothing, for it returns.
//
// A test that does not end fails after 50 seconds, with a report of what is left, instead of hanging; so does one whose
// runtime can not be shut down.
#ifndef KIOTO_RUNTIME_TESTING_KIOTO_TEST_H_
#define KIOTO_RUNTIME_TESTING_KIOTO_TEST_H_

#include <type_traits>
#include <utility>

#include "absl/functional/function_ref.h"
#include "gtest/gtest.h"
#include "kioto/runtime/base/source_location.h"
#include "kioto/runtime/base/status.h"
#include "kioto/runtime/future/erased.h"
#include "kioto/runtime/future/future_base.h"
#include "kioto/runtime/testing/options.h"

namespace kioto::test {

// What the body of a test returns: made from any future; its value, if it gives one, is of no interest.
class TestFuture {
 public:
  TestFuture(Status status) : future_(std::move(status)) {}  // NOLINT: `return OkStatus();`
  template <class F, std::enable_if_t<IsFuture<F>, int> = 0>
  TestFuture(F future)  // NOLINT: `return future;`
      : future_(std::move(future).Map([](auto& output) { return StatusOf(output); })) {}

  LocalFuture<Status> Take() && { return std::move(future_); }

 private:
  static Status StatusOf(const Status& status) { return status; }
  template <class T>
  static Status StatusOf(const StatusOr<T>& output) {
    return output.status();
  }
  template <class T>
  static Status StatusOf(const T&) {
    return OkStatus();
  }

  LocalFuture<Status> future_;
};

namespace internal {

// Runs the body of the test that GoogleTest runs now.
void RunTest(const Options& options, absl::FunctionRef<TestFuture()> body, base::SourceLocation place);

}  // namespace internal
}  // namespace kioto::test

#define KIOTO_TEST(suite, ...) \
  KIOTO_INTERNAL_TEST1(suite, KIOTO_INTERNAL_FIRST(__VA_ARGS__, ), KIOTO_INTERNAL_REST(__VA_ARGS__, ))
#define KIOTO_TEST_F(suite, ...) \
  KIOTO_INTERNAL_TEST_F1(suite, KIOTO_INTERNAL_FIRST(__VA_ARGS__, ), KIOTO_INTERNAL_REST(__VA_ARGS__, ))

// A macro of C++17 can not tell whether there are arguments behind the name: it takes all, and these part them.
#define KIOTO_INTERNAL_FIRST(name, ...) name
#define KIOTO_INTERNAL_REST(name, ...) __VA_ARGS__
// Once more through the preprocessor, so that `name` is a word before it is pasted.
#define KIOTO_INTERNAL_TEST1(suite, name, ...) KIOTO_INTERNAL_TEST2(suite, name, __VA_ARGS__)
#define KIOTO_INTERNAL_TEST_F1(suite, name, ...) KIOTO_INTERNAL_TEST_F2(suite, name, __VA_ARGS__)

#define KIOTO_INTERNAL_RUN_TEST(body, ...) \
  ::kioto::test::internal::RunTest(::kioto::test::Options{__VA_ARGS__}, body, ::kioto::base::SourceLocation::Current())

#define KIOTO_INTERNAL_TEST2(suite, name, ...)                                            \
  static ::kioto::test::TestFuture suite##_##name##_KiotoBody();                          \
  TEST(suite, name) { KIOTO_INTERNAL_RUN_TEST(&suite##_##name##_KiotoBody, __VA_ARGS__); } \
  static ::kioto::test::TestFuture suite##_##name##_KiotoBody()

#define KIOTO_INTERNAL_TEST_F2(suite, name, ...)                                                            \
  class suite##_##name##_KiotoTest : public suite {                                                         \
    void TestBody() override {                                                                              \
      const auto body = [this] { return KiotoBody(); };                                                     \
      KIOTO_INTERNAL_RUN_TEST(body, __VA_ARGS__);                                                           \
    }                                                                                                       \
    ::kioto::test::TestFuture KiotoBody();                                                                  \
  };                                                                                                        \
  [[maybe_unused]] static ::testing::TestInfo* const suite##_##name##_kioto_info = ::testing::RegisterTest( \
      #suite, #name, nullptr, nullptr, __FILE__, __LINE__,                                                  \
      []() -> suite* { return new suite##_##name##_KiotoTest; });                                           \
  ::kioto::test::TestFuture suite##_##name##_KiotoTest::KiotoBody()

#endif  // KIOTO_RUNTIME_TESTING_KIOTO_TEST_H_
