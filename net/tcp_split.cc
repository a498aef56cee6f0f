#include "kioto/net/tcp_split.h"

namespace kioto::net {

std::pair<ReadHalf, WriteHalf> TcpStream::Split() { return {ReadHalf(*this), WriteHalf(*this)}; }

std::pair<OwnedReadHalf, OwnedWriteHalf> TcpStream::IntoSplit() && {
  auto shared = std::make_shared<TcpStream>(std::move(*this));
  return {OwnedReadHalf(shared), OwnedWriteHalf(shared)};
}

void OwnedWriteHalf::Close() {
  if (stream_ != nullptr) (void)stream_->ShutdownNow();  // nobody is left to hear of an error
  stream_.reset();
}

OwnedWriteHalf::~OwnedWriteHalf() { Close(); }

OwnedWriteHalf& OwnedWriteHalf::operator=(OwnedWriteHalf&& other) noexcept {
  if (this != &other) {
    Close();
    stream_ = std::move(other.stream_);
  }
  return *this;
}

OwnedWriteHalf::Reunited OwnedWriteHalf::Reunite(OwnedReadHalf reading, OwnedWriteHalf writing) {
  if (!reading.IsPairOf(writing)) return std::pair(std::move(reading), std::move(writing));
  TcpStream stream = std::move(*writing.stream_);
  writing.stream_.reset();
  return stream;
}

StatusOr<TcpStream> Reunite(OwnedReadHalf reading, OwnedWriteHalf writing) {
  OwnedWriteHalf::Reunited result = OwnedWriteHalf::Reunite(std::move(reading), std::move(writing));
  if (auto* stream = std::get_if<TcpStream>(&result)) return std::move(*stream);
  return absl::InvalidArgumentError("net::Reunite: the two halves belong to different streams; both are closed now");
}

}  // namespace kioto::net
