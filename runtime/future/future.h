// Everything of kioto/runtime/future: futures, their combinators, streams.
#ifndef KIOTO_RUNTIME_FUTURE_FUTURE_H_
#define KIOTO_RUNTIME_FUTURE_FUTURE_H_

#include "kioto/runtime/future/by_ref.h"
#include "kioto/runtime/future/erased.h"
#include "kioto/runtime/future/flow.h"
#include "kioto/runtime/future/for_each.h"
#include "kioto/runtime/future/cooperative.h"
#include "kioto/runtime/future/future_base.h"
#include "kioto/runtime/future/future_traits.h"
#include "kioto/runtime/future/if.h"
#include "kioto/runtime/future/in_place.h"
#include "kioto/runtime/future/join.h"
#include "kioto/runtime/future/join_all.h"
#include "kioto/runtime/future/lazy.h"
#include "kioto/runtime/future/loop.h"
#include "kioto/runtime/future/on_drop.h"
#include "kioto/runtime/future/poll.h"
#include "kioto/runtime/future/ready.h"
#include "kioto/runtime/future/select.h"
#include "kioto/runtime/future/stream.h"
#include "kioto/runtime/future/take_until.h"
#include "kioto/runtime/future/unconstrained.h"
#include "kioto/runtime/future/waker_slot.h"
#include "kioto/runtime/future/with.h"
#include "kioto/runtime/future/yield_now.h"

#endif  // KIOTO_RUNTIME_FUTURE_FUTURE_H_
