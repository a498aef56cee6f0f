#include "kioto/tools/examples/flags/descriptors.h"

#include <sys/resource.h>

#include <algorithm>
#include <cinttypes>
#include <cstdio>

namespace examples {
namespace {

constexpr rlim_t kOthers = 64;     // a worker's, the listener, standard streams, lookups of names
constexpr rlim_t kEachWorker = 8;  // of each further one: its loop's and its reactor's, which are five or six

}  // namespace

int64_t RoomForConnections(const char* program, int64_t wanted, int64_t each, size_t workers) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return wanted;
  const rlimit raised{limit.rlim_max, limit.rlim_max};
  if (limit.rlim_cur < limit.rlim_max && ::setrlimit(RLIMIT_NOFILE, &raised) == 0) limit = raised;
  if (limit.rlim_cur == RLIM_INFINITY) return wanted;
  const rlim_t others = kOthers + kEachWorker * (workers > 1 ? workers - 1 : 0);
  const rlim_t left = limit.rlim_cur > others ? limit.rlim_cur - others : 0;
  const int64_t room = std::max<int64_t>(1, static_cast<int64_t>(left) / each);
  if (wanted <= room) return wanted;
  std::fprintf(stderr, "%s: room for %" PRId64 " connections at a time, not %" PRId64 ": ulimit -n says %ju\n", program, room, wanted,
               static_cast<uintmax_t>(limit.rlim_cur));
  return room;
}

}  // namespace examples
