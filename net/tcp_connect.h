// ConnectFuture: what TcpStream::Connect gives. CANCEL SAFE: yes, what it had begun is closed.
#ifndef KIOTO_NET_TCP_CONNECT_H_
#define KIOTO_NET_TCP_CONNECT_H_

#include <memory>

#include "kioto/net/endpoint.h"
#include "kioto/net/tcp_stream.h"
#include "kioto/runtime/future/future_base.h"

namespace kioto::net {

// Output: StatusOr<TcpStream>.
class [[nodiscard]] ConnectFuture : public FutureBase<ConnectFuture, StatusOr<TcpStream>> {
 public:
  explicit ConnectFuture(Endpoint to);
  // From a socket that is made already (bound, say): one address, one attempt.
  ConnectFuture(kioto::internal::IoHandle socket, SocketAddress to);
  ConnectFuture(ConnectFuture&&) noexcept;
  ConnectFuture& operator=(ConnectFuture&&) noexcept;
  ~ConnectFuture();
  Poll<StatusOr<TcpStream>> PollOnce(Context& cx);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

inline ConnectFuture TcpStream::Connect(Endpoint to) { return ConnectFuture(std::move(to)); }

}  // namespace kioto::net

#endif  // KIOTO_NET_TCP_CONNECT_H_
