// Everything of kioto/runtime/future/stream: sources, adapters, what makes one value out of a stream, Stream<T>, StreamMap.
// Apart from future.h: a file that only awaits pays nothing for it. Adapters that know the time are in kioto/time.
#ifndef KIOTO_RUNTIME_FUTURE_STREAM_STREAMS_H_
#define KIOTO_RUNTIME_FUTURE_STREAM_STREAMS_H_

#include "kioto/runtime/future/stream/boxed.h"
#include "kioto/runtime/future/stream/buffered.h"
#include "kioto/runtime/future/stream/chunks.h"
#include "kioto/runtime/future/stream/collect.h"
#include "kioto/runtime/future/stream/combine.h"
#include "kioto/runtime/future/stream/fold.h"
#include "kioto/runtime/future/stream/limit.h"
#include "kioto/runtime/future/stream/size_hint.h"
#include "kioto/runtime/future/stream/sources.h"
#include "kioto/runtime/future/stream/stream_base.h"
#include "kioto/runtime/future/stream/stream_map.h"
#include "kioto/runtime/future/stream/transform.h"

#endif  // KIOTO_RUNTIME_FUTURE_STREAM_STREAMS_H_
