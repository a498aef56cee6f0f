#include "kioto/tools/examples/mini_redis/farewell.h"

#include <chrono>
#include <cstddef>
#include <utility>

#include "kioto/runtime/io/byte_queue.h"
#include "kioto/time/timeout.h"

namespace mini_redis {
namespace {

using kioto::Break;
using kioto::ByteQueue;
using kioto::Continue;
using kioto::Flow;
using kioto::Loop;
using kioto::With;

constexpr size_t kPiece = 16 * 1024;
constexpr size_t kMost = size_t{1} << 20;

// [region farewell]
auto ReadAway(kioto::net::TcpStream& stream) {
  return With(ByteQueue(), size_t{0}, [&stream](ByteQueue& in, size_t& total) {
    return Loop([&stream, &in, &total] {
      return stream.Read(in, kPiece).AndThen([&in, &total](size_t& n) -> Flow<> {
        in.Clear();
        total += n;
        if (n == 0 || total > kMost) return Break();
        return Continue();
      });
    });
  });
}

}  // namespace

kioto::Future<absl::Status> Farewell(kioto::net::TcpStream stream) {
  return With(std::move(stream), [](kioto::net::TcpStream& stream) {
    return stream.Shutdown().AndThen([&stream] { return Timeout(std::chrono::seconds(1), ReadAway(stream)); });
  });
}
// [end farewell]

}  // namespace mini_redis
