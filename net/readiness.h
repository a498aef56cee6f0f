// Readiness of sockets: what io/readiness.h has, by the names that sockets' users say.
#ifndef KIOTO_NET_READINESS_H_
#define KIOTO_NET_READINESS_H_

#include "kioto/runtime/io/readiness.h"

namespace kioto::net {

using io::Readiness;
using io::ReadinessFuture;

}  // namespace kioto::net

#endif  // KIOTO_NET_READINESS_H_
