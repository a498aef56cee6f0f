#include "kioto/tools/examples/mini_redis/pubsub.h"

#include <algorithm>
#include <utility>

#include "kioto/tools/examples/mini_redis/reply.h"

namespace mini_redis {

// [region deliver]
bool Mailbox::Add(absl::string_view message) {
  absl::MutexLock lock(&mutex_);
  if (message.size() > max_backlog_ - waiting_.size()) return false;
  waiting_.append(message.data(), message.size());
  return true;
}

void Mailbox::Tell(bool added) {
  if (!added) return overflow_.Cancel();
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
  channels_[channel].push_back(std::move(mailbox));
}

void Hub::Unsubscribe(absl::string_view channel, const Mailbox* mailbox) {
  absl::MutexLock lock(&mutex_);
  const auto found = channels_.find(channel);
  if (found == channels_.end()) return;
  auto& subscribers = found->second;
  subscribers.erase(std::remove_if(subscribers.begin(), subscribers.end(), [&](const auto& m) { return m.get() == mailbox; }),
                    subscribers.end());
  if (subscribers.empty()) channels_.erase(found);
}

// [region publish]
size_t Hub::Publish(absl::string_view channel, absl::string_view message) {
  std::string encoded;
  ReplyWriter writer(encoded);
  writer.Array(3);
  writer.Bulk("message");
  writer.Bulk(channel);
  writer.Bulk(message);
  std::vector<std::pair<std::shared_ptr<Mailbox>, bool>> subscribers;  // and whether it found room
  {
    absl::MutexLock lock(&mutex_);
    const auto found = channels_.find(channel);
    if (found == channels_.end()) return 0;
    for (const auto& mailbox : found->second) subscribers.emplace_back(mailbox, mailbox->Add(encoded));
  }
  for (const auto& [mailbox, added] : subscribers) mailbox->Tell(added);  // nobody is woken with a lock held
  return subscribers.size();
}
// [end publish]

size_t Hub::channels() {
  absl::MutexLock lock(&mutex_);
  return channels_.size();
}

}  // namespace mini_redis
