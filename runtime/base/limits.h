// Every limit of the runtime, in one place, each with its reason.
#ifndef KIOTO_RUNTIME_BASE_LIMITS_H_
#define KIOTO_RUNTIME_BASE_LIMITS_H_

#include <cstddef>
#include <cstdint>

#include "kioto/runtime/base/config.h"

namespace kioto::limits {

// Ready leaves that one poll of a task may consume before it must go to the back of the queue: long enough that the
// queue's cost vanishes, short enough that a task fed without end leaves its worker within some hundred microseconds, if what it
// does with each is short.
inline constexpr int kPollBudget = 128;
// What costs so small a part of a system call, which is what most leaves are, takes as small a part of one: an item that a codec
// finds at hand took 30 to 70 ns, a read of a few bytes a microsecond.
inline constexpr int kPartsOfUnit = 16;

// Entries of a worker's run queue, a power of two; a full queue moves half to the injector. Small under the explorer,
// so that overflow and wrap-around are met within a few steps.
inline constexpr uint32_t kRunQueueCapacity = KIOTO_MODEL ? 4 : 256;

// Workers of one runtime: the idle word counts them in 16 bits, and more threads than any machine has CPUs help nobody.
inline constexpr int kMaxWorkers = 1024;

// Polls in a row that the LIFO slot may win over the run queue: two tasks that wake each other must not starve
// the rest.
inline constexpr int kLifoPollsInARow = 3;

// Polls between two looks at the driver and the injector when there is always work. On a worker of a pool that is the most:
// there it is as many as fit into the time, by how long they took of late, and at least so many.
inline constexpr uint32_t kEventInterval = 61;
inline constexpr uint32_t kMinEventInterval = 2;
inline constexpr int64_t kEventIntervalNs = 200'000;

// Among how many of the tasks that are ready RuntimeBuilder::ShuffleReadyTasks chooses: enough for any order of a test's few
// tasks, and a task never waits behind more than these draws.
inline constexpr uint32_t kShuffledTasks = 16;

// Events taken from a reactor by one harvest: bounds the stack it uses and the time other tasks wait. No knob: where sockets are
// libuv's own to watch, it decides, and a knob that is heeded on one system only would mislead.
inline constexpr int kEventsPerHarvest = 256;

// Sources of a reactor that its loop may stop to watch while it is busy: to watch it again takes 75 ns for each.
inline constexpr int kUnwatchedSources = 1024;

// Timers that one turn may touch, for some only move to a finer level of their wheel: a million that move at once would be one long
// turn, in which no socket is served (TimerChecks.AFloodInOneTickFiresAllAndLetsSocketsIn).
inline constexpr int kTimerStepsPerTurn = 1024;

// Timers that one look at a worker in a long poll may fire: the monitor's, which looks every other millisecond. A driver's own
// turn fires as many as tasks are polled until the next one (Driver::LimitTimers).
inline constexpr int kTimersPerRelief = 4096;

// Threads of the blocking pool, and jobs that may wait for one.
inline constexpr int kMaxBlockingThreads = 512;
inline constexpr size_t kBlockingQueue = 65536;

// After so long a thread of the pool that the system refused is asked for again, if jobs still wait for one that is inside a job.
inline constexpr int64_t kThreadRetryNs = 10'000'000;
// After so long in which all threads of the pool were inside the same jobs, and others waited, that is told: it may be for ever.
inline constexpr int64_t kPoolStuckNs = 2'000'000'000;

// Name look-ups in flight: a resolver that hangs must not take the blocking pool with it.
inline constexpr int kMaxResolverThreads = 4;

// Pauses between two ticks of the monitor while any worker runs; and the poll that it reports as too long.
inline constexpr int64_t kMonitorTickNs = 2'000'000;
// The pause before it looks once more, if a poll that it found keeps a task in its worker's slot.
inline constexpr int64_t kMonitorSecondLookNs = 500'000;
inline constexpr int64_t kLongPollNs = 25'000'000;

// Of how many polls one is timed, if RuntimeBuilder::MeasurePollTimes says nothing: two clock reads cost more than a yield,
// spread over so many they cost about 3 ns a poll.
inline constexpr uint32_t kPollTimeEvery = 16;

// Buckets of a histogram, of which each worker has one: 512 KB of counts at most.
inline constexpr size_t kHistogramBuckets = 65536;

// Reports of long polls at once, and in a second: each stops a worker for its stack, and takes some milliseconds of the
// monitor, in which it relieves nobody.
inline constexpr int kStallBurst = 5;
inline constexpr int kStallsPerSecond = 2;

// What a dump tells at most: of tasks, and of one task's tree, unless it is asked for more.
inline constexpr size_t kDumpedTasks = 100'000;
inline constexpr size_t kDumpedNodes = 100;

// Bytes that a copy may have in the kernel's pipe between its two fds: what a pipe holds if nobody says otherwise.
inline constexpr size_t kMostSpliced = 64 * 1024;

// The farthest a timer may lie in the future (about 34 years): what is later is clamped, so that arithmetic on
// nanoseconds can not overflow.
inline constexpr int64_t kMaxTimerNs = int64_t{1} << 60;

// Tasks, and the time, that an attached loop gives us in one turn of its host.
inline constexpr int kAttachedTasksPerTurn = 64;
inline constexpr int64_t kAttachedTurnNs = 500'000;

// Of a trace file: events that it holds (some 150 MB of JSON, as much as a viewer takes); threads that write at a time; and
// events that a thread keeps before it writes (80 KiB).
inline constexpr size_t kTraceEvents = 1'000'000;
inline constexpr size_t kTraceThreads = 256;
inline constexpr size_t kTraceBuffer = 1024;

// Values that a broadcast keeps for slow receivers, if its maker says nothing: some pages of memory for small values.
inline constexpr size_t kBroadcastCapacity = 256;

}  // namespace kioto::limits

#endif  // KIOTO_RUNTIME_BASE_LIMITS_H_
