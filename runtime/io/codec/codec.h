// What a codec is: a class that cuts a stream of bytes into items, or makes bytes of items, or both.
//
//   class Decoder {                                          // what FramedRead wants
//     using Item = Message;
//     // Takes one item off the front of `in`; nullopt: there is no whole one yet, and what is there stays.
//     StatusOr<std::optional<Item>> Decode(ByteQueue& in);
//     // The same at the end of the stream, until it gives nullopt. May be left out: then it is Decode, and bytes that it
//     // leaves are an error (IsUnexpectedEof).
//     StatusOr<std::optional<Item>> DecodeEof(ByteQueue& in);
//     // What comes next does not belong to what came before. May be left out by one that keeps nothing between two calls.
//     void Reset();
//   };
//   class Encoder {                                          // what FramedWrite wants
//     // Appends the bytes of `item`. Errors: nothing was appended.
//     Status Encode(const Message& item, ByteQueue& out);    // or by value, or a template, or several of them
//   };
//
// Decode is asked again until it gives nullopt, and then with more bytes. It sets the limit on an item's size: a Decode that
// always wants more makes the buffer grow without end. In-place: `in.view()` to look, `in.Consume(n)` or `in.Split(n)` to take.
#ifndef KIOTO_RUNTIME_IO_CODEC_CODEC_H_
#define KIOTO_RUNTIME_IO_CODEC_CODEC_H_

#include <optional>
#include <type_traits>
#include <utility>

#include "kioto/runtime/base/status.h"
#include "kioto/runtime/io/byte_queue.h"
#include "kioto/runtime/io/errors.h"

namespace kioto::io {
namespace internal {

template <class D>
using DecodesTo = decltype(std::declval<D&>().Decode(std::declval<ByteQueue&>()));

template <class D, class = void>
struct IsDecoderImpl : std::false_type {};
template <class D>
struct IsDecoderImpl<D, std::void_t<typename D::Item, DecodesTo<D>>>
    : std::is_same<DecodesTo<D>, StatusOr<std::optional<typename D::Item>>> {};

template <class D, class = void>
struct HasDecodeEof : std::false_type {};
template <class D>
struct HasDecodeEof<D, std::void_t<decltype(std::declval<D&>().DecodeEof(std::declval<ByteQueue&>()))>> : std::true_type {};

template <class D, class = void>
struct HasReset : std::false_type {};
template <class D>
struct HasReset<D, std::void_t<decltype(std::declval<D&>().Reset())>> : std::true_type {};

}  // namespace internal

// Whether D (no reference) is a decoder.
template <class D>
inline constexpr bool IsDecoder = internal::IsDecoderImpl<D>::value;

// decoder.DecodeEof(in), or what stands in for it.
template <class D>
StatusOr<std::optional<typename D::Item>> DecodeEof(D& decoder, ByteQueue& in) {
  if constexpr (internal::HasDecodeEof<D>::value) {
    return decoder.DecodeEof(in);
  } else {
    auto item = decoder.Decode(in);
    if (item.ok() && !item->has_value() && !in.empty()) return IncompleteFrameError(in.size());
    return item;
  }
}

// decoder.Reset(), if it has one.
template <class D>
void ResetDecoder(D& decoder) {
  if constexpr (internal::HasReset<D>::value) decoder.Reset();
}

}  // namespace kioto::io

#endif  // KIOTO_RUNTIME_IO_CODEC_CODEC_H_
