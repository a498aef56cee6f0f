#include "kioto/tools/examples/mini_redis/pubsub.h"

#include <algorithm>
#include <utility>

#include "kioto/tools/examples/mini_redis/reply.h"

namespace mini_redis {

// [region deliver]
void Mailbox::Deliver(absl::string_view message) {
  bool overflow = false;
  {
    absl::MutexLock lock(&mutex_);
    overflow = message.size() > max_backlog_ - waiting_.size();
    if (!overflow) waiting_.append(message.data(), message.size());
  }
  // Nobody is woken with a lock held.
  if (overflow) return overflow_.Cancel();
  arrived_.NotifyOne();
}
// [end deliver]

void Mailbox::TakeTo(std::string& out) {
  std::string taken;
  {
    absl::MutexLock lock(&mutex_);
    if (waiting_.empty()) return;
    if (out.empty()) return out.swap(waiting_);
    taken.swap(waiting_);
  }
  out += taken;
}

void Hub::Subscribe(absl::string_view channel, std::shared_ptr<Mailbox> mailbox) {
  absl::MutexLock lock(&mutex_);
  std::shared_ptr<const Subscribers>& list = channels_[channel];
  auto changed = list == nullptr ? std::make_shared<Subscribers>() : std::make_shared<Subscribers>(*list);
  changed->push_back(std::move(mailbox));
  list = std::move(changed);
}

void Hub::Unsubscribe(absl::string_view channel, const Mailbox* mailbox) {
  absl::MutexLock lock(&mutex_);
  const auto found = channels_.find(channel);
  if (found == channels_.end()) return;
  auto changed = std::make_shared<Subscribers>(*found->second);
  changed->erase(std::remove_if(changed->begin(), changed->end(), [&](const auto& m) { return m.get() == mailbox; }),
                 changed->end());
  if (changed->empty()) {
    channels_.erase(found);
  } else {
    found->second = std::move(changed);
  }
}

// [region publish]
size_t Hub::Publish(absl::string_view channel, absl::string_view message) {
  std::shared_ptr<const Subscribers> subscribers;
  {
    absl::MutexLock lock(&mutex_);
    const auto found = channels_.find(channel);
    if (found == channels_.end()) return 0;
    subscribers = found->second;
  }
  std::string encoded;
  ReplyWriter writer(encoded);
  writer.Array(3);
  writer.Bulk("message");
  writer.Bulk(channel);
  writer.Bulk(message);
  for (const auto& mailbox : *subscribers) mailbox->Deliver(encoded);
  return subscribers->size();
}
// [end publish]

size_t Hub::channels() {
  absl::MutexLock lock(&mutex_);
  return channels_.size();
}

}  // namespace mini_redis
