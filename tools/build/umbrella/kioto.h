// Everything that a user of Kioto can say, but for what only tests need, and for std_future.h, which brings <future>:
// #include "kioto/kioto.h", deps = ["@kioto"].
//
// A file that includes it compiles half a second longer than one with <string>, <vector>, <memory> and absl::StatusOr alone,
// and a quarter longer than one with just the headers of the echo server (gcc 12, -fsyntax-only). Where that counts, include
// what you use.
#ifndef KIOTO_TOOLS_BUILD_UMBRELLA_KIOTO_H_
#define KIOTO_TOOLS_BUILD_UMBRELLA_KIOTO_H_

#include "kioto/net/resolve.h"
#include "kioto/net/tcp_listener.h"
#include "kioto/net/tcp_socket.h"
#include "kioto/net/tcp_stream.h"
#include "kioto/runtime/blocking/spawn_blocking.h"
#include "kioto/runtime/future/from_callback.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/io/buf_reader.h"
#include "kioto/runtime/io/buf_writer.h"
#include "kioto/runtime/io/buffer.h"
#include "kioto/runtime/io/byte_queue.h"
#include "kioto/runtime/io/copy.h"
#include "kioto/runtime/io/errors.h"
#include "kioto/runtime/io/lines.h"
#include "kioto/runtime/io/read.h"
#include "kioto/runtime/io/write.h"
#include "kioto/runtime/scheduler/hosted.h"
#include "kioto/runtime/scheduler/local_pool.h"
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/runtime/signal/signal.h"
#include "kioto/runtime/task/abort_on_drop.h"
#include "kioto/runtime/task/join_map.h"
#include "kioto/runtime/task/join_queue.h"
#include "kioto/runtime/task/join_set.h"
#include "kioto/runtime/task/local_set.h"
#include "kioto/runtime/task/scope.h"
#include "kioto/runtime/task/spawn.h"
#include "kioto/runtime/task/spawn_callback.h"
#include "kioto/runtime/task/task_id.h"
#include "kioto/runtime/task/task_local.h"
#include "kioto/runtime/task/task_tracker.h"
#include "kioto/sync/block_on.h"
#include "kioto/sync/broadcast.h"
#include "kioto/sync/call.h"
#include "kioto/sync/cancellation_token.h"
#include "kioto/sync/mpsc.h"
#include "kioto/sync/mpsc_unbounded.h"
#include "kioto/sync/notify.h"
#include "kioto/sync/oneshot.h"
#include "kioto/sync/semaphore.h"
#include "kioto/sync/until.h"
#include "kioto/time/backoff.h"
#include "kioto/time/delay_queue.h"
#include "kioto/time/instant.h"
#include "kioto/time/interval.h"
#include "kioto/time/retry.h"
#include "kioto/time/sleep.h"
#include "kioto/time/timeout.h"

#endif  // KIOTO_TOOLS_BUILD_UMBRELLA_KIOTO_H_
