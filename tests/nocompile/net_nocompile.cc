// What writing and Bytes refuse to borrow, and what is no endpoint: each case gives exactly one error, the sentence.
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "kioto/net/tcp_listener.h"
#include "kioto/net/tcp_stream.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/io/async_fd.h"
#include "kioto/runtime/io/buf_writer.h"
#include "kioto/runtime/io/bytes.h"

namespace kioto {

inline std::string Text() { return "text"; }

inline auto Good(net::TcpStream& s) { return s.WriteAll(Text()); }
inline auto GoodView(net::TcpStream& s, const std::string& kept) {
  return TryJoin(s.Write(kept), s.Write("literal"), s.Write(absl::string_view(kept)));
}
inline auto GoodFd(io::AsyncFd& fd) { return fd.AsyncIo(io::Interest::kReadable, [] { return 1; }); }
inline auto GoodPieces(net::TcpStream& s, const absl::string_view (&pieces)[2]) {
  return TryJoin(s.WriteVectored(pieces), s.WriteAllVectored(pieces));
}

inline Bytes GoodBytes() { return Bytes::Own(Text()); }

#ifdef KIOTO_NC_CASE_bytes_own_view
// EXPECT: kioto: Bytes::Own takes what owns its bytes, as a std::string does
inline Bytes Refused(absl::string_view view) { return Bytes::Own(view); }
#endif

#ifdef KIOTO_NC_CASE_own_no_view
// EXPECT: kioto: Bytes::Own takes what converts to an absl::string_view of its bytes
inline Bytes Refused(std::vector<char> bytes) { return Bytes::Own(std::move(bytes)); }
#endif

#ifdef KIOTO_NC_CASE_write_temporary
// EXPECT: kioto: Write may take a part only, and the rest would die with this temporary string
inline Future<Status> Refused(net::TcpStream& s) {
  return s.Write(Text()).AndThen([](size_t&) { return OkStatus(); });
}
#endif

#ifdef KIOTO_NC_CASE_fd_operation
// EXPECT: kioto: an operation on an fd gives Status, StatusOr<T>, or a number as system calls do
inline auto Refused(io::AsyncFd& fd) { return fd.AsyncIo(io::Interest::kReadable, [] { return true; }); }
#endif

#ifdef KIOTO_NC_CASE_endpoint_port_alone
// EXPECT: kioto: a port alone is no endpoint
inline auto Refused() { return net::TcpListener::Bind(8080); }
#endif

#ifdef KIOTO_NC_CASE_write_half_moved
// EXPECT: kioto: Write may take a part only, and the rest would die with this temporary string
inline auto Refused(net::OwnedWriteHalf& half, std::string text) { return half.Write(std::move(text)); }
#endif

#ifdef KIOTO_NC_CASE_buf_writer_temporary
// EXPECT: kioto: Write may take a part only, and the rest would die with this temporary string
inline auto Refused(io::BufWriter<net::TcpStream>& out) { return out.Write(Text()); }
#endif

#ifdef KIOTO_NC_CASE_write_function_temporary
// EXPECT: kioto: Write may take a part only, and the rest would die with this temporary string
inline auto Refused(net::TcpStream& s) { return io::Write(s, Text()); }
#endif

#ifdef KIOTO_NC_CASE_write_vectored_list
// EXPECT: kioto: the list of pieces is borrowed, as the pieces are: keep it in an array beside them
inline auto Refused(net::TcpStream& s, const std::string& body) { return s.WriteVectored({"head", body}); }
#endif

#ifdef KIOTO_NC_CASE_write_all_vectored_list
// EXPECT: kioto: the list of pieces is borrowed, as the pieces are: keep it in an array beside them
inline Future<Status> Refused(net::WriteHalf& half, const std::string& body) { return half.WriteAllVectored({"head", body}); }
#endif

}  // namespace kioto
