// WaitTrace: what a task waits for, as a tree: filled by the futures themselves while somebody looks at the task.
//
//   Select                                        class ReadFuture : public FutureBase<…> {
//     "next request"                                void Describe(WaitTrace& trace) const {
//       Timeout 30 s                                  trace.Leaf(absl::StrCat("TcpStream::Read fd ", stream_->fd()));
//         TcpStream::Read fd 12 127.0.0.1:4711      }
//     CancellationToken::Cancelled                };
//
// A future says what it waits for in `void Describe(WaitTrace&) const`; one that does not is shown by its type. Nodes that only
// hand on (Then, With, Loop, If, Future<T> …) show their child and nothing of themselves; Named("…") is a label.
//
// Describe is called on any thread, while the task waits and nobody can poll, wake or destroy it there (R8 of
// runtime/task/state.h; the future of a BlockOn: runtime/task/root_future.h): it may read what PollOnce wrote and what the future
// borrows, locks no lock that a waker is called under, and changes nothing. What other threads write meanwhile it reads as they
// do: by atomics.
//
// WHY A WALK   The other way is to poll the task with a Context that tells the leaves to answer kPending and to report. That
//              runs the user's steps, a leaf that is ready has to lie, each node pays a test of that flag at every poll, and a
//              task in a poll that does not return delays the answer. And a poll's stack shows less: the steps have returned, what
//              is left of them is the tree. A walk needs the right to poll the task, as a wake does, for the microseconds that it
//              takes; it costs nothing when nobody looks but a cold function per type of node and a word per type of task.
#ifndef KIOTO_RUNTIME_FUTURE_WAIT_TRACE_H_
#define KIOTO_RUNTIME_FUTURE_WAIT_TRACE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace kioto {

class WaitTrace;

// One line of the tree. Its children are the lines behind it that are deeper, up to the next one that is not.
struct WaitNode {
  int depth = 0;
  std::string what;
};

namespace internal {

template <class F, class = void>
inline constexpr bool kDescribes = false;
template <class F>
inline constexpr bool kDescribes<F, std::void_t<decltype(std::declval<const F&>().Describe(std::declval<WaitTrace&>()))>> = true;

// The name of F as the compiler prints it, with a prefix that is always the same.
template <class F>
const char* PrintedType() {
  return __PRETTY_FUNCTION__;
}
// "kioto::time::SleepFuture": without template arguments and inner namespaces.
std::string ShortTypeName(const char* printed);

}  // namespace internal

class WaitTrace {
 public:
  // Of a node: what is described while it lives stands below that.
  class [[nodiscard]] Below {
   public:
    explicit Below(WaitTrace* trace) : trace_(trace) { ++trace_->depth_; }
    ~Below() { --trace_->depth_; }
    Below(const Below&) = delete;
    Below& operator=(const Below&) = delete;

   private:
    WaitTrace* const trace_;
  };

  // At most so many nodes; what comes after them is counted. `now_ns` is of the runtime's clock.
  explicit WaitTrace(size_t at_most, int64_t now_ns = 0) : at_most_(at_most), now_ns_(now_ns) {}
  WaitTrace(const WaitTrace&) = delete;
  WaitTrace& operator=(const WaitTrace&) = delete;

  // A node with something below it.
  Below Node(std::string what);
  // A node with one child below it.
  template <class F>
  void Node(const char* what, const F& child) {
    const Below below = Node(what);
    Child(child);
  }
  // One without.
  void Leaf(std::string what);
  // What a future, a stream or anything else that is waited for says of itself.
  template <class F>
  void Child(const F& child) {
    if constexpr (internal::kDescribes<F>) {
      child.Describe(*this);
    } else {
      LeafOfType(internal::PrintedType<F>());
    }
  }

  // "Sleep, 1.5s left", for a deadline of the runtime's clock; just `what` if it is so far away that it never comes.
  std::string Until(const char* what, int64_t deadline_ns) const;

  // The nodes; if some were left out, the last says how many.
  std::vector<WaitNode> Take();

 private:
  void LeafOfType(const char* printed);

  const size_t at_most_;
  const int64_t now_ns_;
  int depth_ = 0;
  size_t left_out_ = 0;
  std::vector<WaitNode> nodes_;
};

}  // namespace kioto

#endif  // KIOTO_RUNTIME_FUTURE_WAIT_TRACE_H_
