// Rows of bytes in bulk, over loopback. An operation is a MiB.
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "kioto/net/address.h"
#include "kioto/net/tcp_listener.h"
#include "kioto/net/tcp_stream.h"
#include "kioto/runtime/future/and_then.h"
#include "kioto/runtime/future/join.h"
#include "kioto/runtime/future/with.h"
#include "kioto/runtime/io/buffer.h"
#include "kioto/runtime/io/copy_bidirectional.h"
#include "tools/bench/bench.h"

namespace kioto::bench {
namespace {

constexpr size_t kMebibyte = 1024 * 1024;
constexpr size_t kPiece = 64 * 1024;  // what one end writes, and the other reads, at a time
constexpr size_t kWhole = 16 * kMebibyte;

net::TcpListener Listen(Bench& bench) {
  StatusOr<net::TcpListener> listener = bench.runtime.BlockOn(net::TcpListener::Bind("127.0.0.1:0"));
  Check(listener.ok(), "an address to listen at");
  return *std::move(listener);
}

// Sends so many pieces and its end, and waits for the other side's.
auto Source(net::SocketAddress to, size_t pieces) {
  return net::TcpStream::Connect(to).AndThen([pieces](net::TcpStream& stream) {
    return With(std::string(kPiece, 7), pieces, [&stream](std::string& piece, size_t& left) {
      return Loop([&] {
               return stream.WriteAll(piece).AndThen(
                   [&left]() -> Flow<> { return --left > 0 ? Flow<>(Continue()) : Flow<>(Break()); });
             })
          .AndThen([&stream] { return stream.Shutdown(); })
          .AndThen([&stream] { return stream.ReadToEnd(0); })
          .AndThen([](std::string& bytes) { Check(bytes.empty(), "an end"); });
    });
  });
}

// One connection from the client to `to`.
auto PassOn(net::TcpListener listener, net::SocketAddress to, uint64_t bytes) {
  return With(std::move(listener), [to, bytes](net::TcpListener& listener) {
    return listener.Accept().AndThen([to, bytes](net::TcpStream& client) {
      return net::TcpStream::Connect(to).AndThen([&client, bytes](net::TcpStream& server) {
        return io::CopyBidirectional(client, server).AndThen([bytes](io::Copied& copied) {
          Check(copied.a_to_b == bytes && copied.b_to_a == 0, "the bytes that the proxy says");
        });
      });
    });
  });
}

// Reads one connection to its end.
auto Sink(net::TcpListener listener, uint64_t bytes) {
  return With(std::move(listener), [bytes](net::TcpListener& listener) {
    return listener.Accept().AndThen([bytes](net::TcpStream& stream) {
      return With(Buffer(kPiece), bytes, [&stream](Buffer& buffer, uint64_t& left) {
        return Loop([&] {
          return stream.Read(buffer).AndThen([&](size_t& n) -> Flow<> {
            Check(n <= left && (n != 0 || left == 0), "the number of bytes through the proxy");
            if (n == 0) return Break();
            Check(buffer.data()[0] == 7 && buffer.data()[n - 1] == 7, "the bytes through the proxy");
            left -= n;
            return Continue();
          });
        });
      });
    });
  });
}

// 1 GiB from a client through a proxy to a server, each a task.
void Proxy(Bench& bench) {
  const size_t mebibytes = bench.Times(1024);
  const uint64_t bytes = mebibytes * kMebibyte;
  net::TcpListener server = Listen(bench), proxy = Listen(bench);
  const net::SocketAddress server_at = *server.local_address(), proxy_at = *proxy.local_address();
  const auto start = Clock::now();
  auto sink = bench.runtime.Spawn(Sink(std::move(server), bytes));
  auto passing = bench.runtime.Spawn(PassOn(std::move(proxy), server_at, bytes));
  auto source = bench.runtime.Spawn(Source(proxy_at, bytes / kPiece));
  Check(bench.runtime.BlockOn(TryJoin(std::move(sink), std::move(passing), std::move(source))).ok(), "a proxy");
  bench.Report(mebibytes, Clock::now() - start);
}

// Sends the whole to so many connections, one after the other.
auto SendWholes(net::TcpListener listener, size_t times) {
  return With(std::move(listener), std::string(kWhole, 7), times,
              [](net::TcpListener& listener, std::string& whole, size_t& left) {
                return Loop([&] {
                  return listener.Accept()
                      .AndThen([&whole](net::TcpStream& stream) { return stream.WriteAll(whole); })
                      .AndThen([&left]() -> Flow<> { return --left > 0 ? Flow<>(Continue()) : Flow<>(Break()); });
                });
              });
}

auto ReadWholes(net::SocketAddress from, size_t times) {
  return With(times, [from](size_t& left) {
    return Loop([&left, from] {
      return net::TcpStream::Connect(from)
          .AndThen([](net::TcpStream& stream) { return stream.ReadToEnd(kWhole); })
          .AndThen([&left](std::string& bytes) -> Flow<> {
            Check(bytes.size() == kWhole && bytes.front() == 7 && bytes.back() == 7, "the bytes of a connection");
            return --left > 0 ? Flow<>(Continue()) : Flow<>(Break());
          });
    });
  });
}

// 64 connections of 16 MiB, each read to its end into memory of its own.
void ReadToEnd(Bench& bench) {
  const size_t times = bench.Times(64);
  net::TcpListener listener = Listen(bench);
  const net::SocketAddress server = *listener.local_address();
  const auto start = Clock::now();
  auto sending = bench.runtime.Spawn(SendWholes(std::move(listener), times));
  auto reading = bench.runtime.Spawn(ReadWholes(server, times));
  Check(bench.runtime.BlockOn(TryJoin(std::move(sending), std::move(reading))).ok(), "reads to the end");
  bench.Report(times * (kWhole / kMebibyte), Clock::now() - start);
}

}  // namespace

const Row kTransferRows[] = {
    {"proxy", Proxy},
    {"read_to_end", ReadToEnd},
    {nullptr, nullptr},
};

}  // namespace kioto::bench
