// What the build decides: exceptions, checks, the portable twin, the schedule explorer.
// Every macro is always defined, to 0 or 1.
#ifndef KIOTO_RUNTIME_BASE_CONFIG_H_
#define KIOTO_RUNTIME_BASE_CONFIG_H_

// 1 where `throw` works: a task's exception is then caught at the task's edge.
#if defined(__cpp_exceptions)
#define KIOTO_EXCEPTIONS 1
#else
#define KIOTO_EXCEPTIONS 0
#endif

// 1 to use only what libuv offers everywhere (no epoll, no futex, no pidfd, no accept4, no preadv2): --config=portable.
#ifndef KIOTO_PORTABLE
#define KIOTO_PORTABLE 0
#endif

// 1 under ThreadSanitizer.
#if defined(__SANITIZE_THREAD__)
#define KIOTO_THREAD_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define KIOTO_THREAD_SANITIZED 1
#endif
#endif
#ifndef KIOTO_THREAD_SANITIZED
#define KIOTO_THREAD_SANITIZED 0
#endif

// 1 to hand atomics, cells, mutexes and threads to the schedule explorer: --config=model.
#ifndef KIOTO_MODEL
#define KIOTO_MODEL 0
#endif

// 1 for checks that cost time: on in every build without NDEBUG.
#ifndef KIOTO_DEBUG
#ifdef NDEBUG
#define KIOTO_DEBUG 0
#else
#define KIOTO_DEBUG 1
#endif
#endif

#endif  // KIOTO_RUNTIME_BASE_CONFIG_H_
