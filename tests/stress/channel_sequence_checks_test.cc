// Sequences of operations on channels, by chance (sequence.h).
#include <algorithm>
#include <deque>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "kioto/runtime/base/random.h"
#include "kioto/runtime/base/status.h"
#include "kioto/runtime/future/testing/polled_task.h"
#include "kioto/sync/broadcast.h"
#include "kioto/sync/mpsc.h"
#include "kioto/sync/watch.h"
#include "kioto/tests/stress/sequence.h"

namespace kioto {
namespace {

class Channel {
 public:
  static constexpr uint32_t kOperations = 9;
  explicit Channel(base::FastRandom& random) : random_(random), capacity_(1 + random.Below(4)), ends_(sync::Mpsc<int>(capacity_)) {}

  void Step(uint32_t operation) {
    const size_t n = 1 + random_.Below(3);
    switch (operation) {
      case 0:
      case 1:
        if (ends_.sender) Send();
        break;
      case 2:
        if (ends_.sender) Reserve(n);
        break;
      case 3:
        if (!permits_.empty()) {
          permits_.back().Send(++last_);
          items_.push_back(last_);
          if (permits_.back().size() == 0) permits_.pop_back();
        }
        break;
      case 4:
        if (!permits_.empty()) permits_.pop_back();
        break;
      case 5:
      case 6:
        Receive();
        break;
      case 7:
        ReceiveMany(n);
        break;
      case 8:
        if (n > 1) break;
        if (random_.Below(2) == 0) {
          ends_.receiver.Close();
          closed_ = true;
        } else if (permits_.empty()) {  // they borrow it
          ends_.sender.reset();
        }
        break;
    }
    Compare();
  }

 private:
  size_t Promised() const {
    size_t sum = 0;
    for (const auto& permits : permits_) sum += permits.size();
    return sum;
  }
  size_t Room() const { return capacity_ - items_.size() - Promised(); }
  bool Over() const { return items_.empty() && (closed_ || !ends_.sender) && Promised() == 0; }

  void Send() {
    const Status status = ends_.sender.TrySend(last_ + 1);
    EXPECT_EQ(IsClosed(status), closed_);
    if (closed_) return;
    EXPECT_EQ(status.ok(), Room() > 0);
    EXPECT_EQ(IsFull(status), Room() == 0);
    if (status.ok()) items_.push_back(++last_);
  }
  void Reserve(size_t n) {
    auto permits = ends_.sender.TryReserve(n);
    EXPECT_EQ(IsClosed(permits.status()), closed_);
    EXPECT_EQ(permits.ok(), !closed_ && Room() >= n);
    if (permits.ok()) permits_.push_back(*std::move(permits));
  }
  void Receive() {
    auto item = ends_.receiver.TryRecv();
    ASSERT_EQ(item.ok(), !items_.empty());
    if (item.ok()) {
      EXPECT_EQ(*item, items_.front());
      items_.pop_front();
    } else {
      EXPECT_EQ(IsClosed(item.status()), Over());
    }
  }
  void ReceiveMany(size_t n) {
    std::vector<int> out;
    PolledTask many(ends_.receiver.RecvMany(out, n));
    const bool over = Over();
    auto poll = many.Poll();
    ASSERT_EQ(poll.ready(), over || !items_.empty());
    if (poll.pending()) return;
    EXPECT_EQ(*poll, std::min(n, items_.size()));
    for (int item : out) {
      EXPECT_EQ(item, items_.front());
      items_.pop_front();
    }
  }
  void Compare() {
    EXPECT_EQ(ends_.receiver.size(), items_.size());
    EXPECT_EQ(ends_.receiver.Capacity(), Room());
    EXPECT_EQ(ends_.receiver.IsClosed(), closed_ || !ends_.sender);
    if (ends_.sender) {
      EXPECT_EQ(ends_.sender.IsClosed(), closed_);
    }
  }

  base::FastRandom& random_;
  const size_t capacity_;
  sync::MpscHandles<int> ends_;
  std::vector<sync::MpscPermits<int>> permits_;  // gone before the sender
  std::deque<int> items_;
  int last_ = 0;
  bool closed_ = false;
};

// check: G5
// check: K4
TEST(SequenceChecks, Mpsc) { Sequences<Channel>(60'000); }

// Copied by code of its own: the other kind of place in a broadcast's ring than plain words.
class Copied {
 public:
  explicit Copied(uint64_t number) : number_(number) {}
  Copied(const Copied& other) : number_(other.number_) {}
  operator uint64_t() const { return number_; }

 private:
  uint64_t number_;
};

template <class T>
class Room {
 public:
  static constexpr uint32_t kOperations = 8;
  explicit Room(base::FastRandom& random) : random_(random), size_(uint64_t{1} << random.Below(3)), room_(size_) {}

  void Step(uint32_t operation) {
    switch (operation) {
      case 0:
        if (receivers_.size() < 4) receivers_.push_back({room_.Subscribe(), sent_});
        break;
      case 1:
        if (!receivers_.empty()) (void)TakeFrom(receivers_, Any());
        break;
      case 2:
        if (!receivers_.empty() && receivers_.size() < 4) receivers_.push_back({receivers_[Any()].inbox.Resubscribe(), sent_});
        break;
      case 3:
      case 4:
      case 5:
        EXPECT_EQ(room_.Send(T(sent_)), receivers_.size());
        if (!receivers_.empty()) ++sent_;
        break;
      default:
        if (!receivers_.empty()) Receive(receivers_[Any()]);
    }
    Compare();
  }

 private:
  struct Receiver {
    sync::BroadcastReceiver<T> inbox;
    uint64_t next;
  };
  size_t Any() { return random_.Below(static_cast<uint32_t>(receivers_.size())); }
  uint64_t Oldest() const { return sent_ < size_ ? 0 : sent_ - size_; }

  void Receive(Receiver& mine) {
    auto value = mine.inbox.TryRecv();
    uint64_t missed = 0;
    if (mine.next < Oldest()) {
      EXPECT_TRUE(IsLagged(value.status(), &missed));
      EXPECT_EQ(missed, Oldest() - mine.next);
      mine.next = Oldest();
    } else if (mine.next == sent_) {
      EXPECT_TRUE(IsEmpty(value.status()));
    } else {
      ASSERT_TRUE(value.ok());
      EXPECT_EQ(*value, mine.next++);
    }
  }
  void Compare() {
    uint64_t slowest = sent_;
    for (const Receiver& mine : receivers_) {
      EXPECT_EQ(mine.inbox.size(), sent_ - mine.next);
      slowest = std::min(slowest, std::max(mine.next, Oldest()));
    }
    EXPECT_EQ(room_.size(), sent_ - slowest);
    EXPECT_EQ(room_.ReceiverCount(), receivers_.size());
  }

  base::FastRandom& random_;
  const uint64_t size_;
  sync::Broadcast<T> room_;
  std::vector<Receiver> receivers_;
  uint64_t sent_ = 0;
};

// check: G5
// check: K4
TEST(SequenceChecks, Broadcast) {
  Sequences<Room<uint64_t>>(40'000);
  Sequences<Room<Copied>>(40'000);
}

class Watched {
 public:
  static constexpr uint32_t kOperations = 9;
  explicit Watched(base::FastRandom& random) : random_(random) {}

  void Step(uint32_t operation) {
    Receiver* mine = receivers_.empty() ? nullptr : &receivers_[random_.Below(static_cast<uint32_t>(receivers_.size()))];
    switch (operation) {
      case 0:
        if (watch_ && receivers_.size() < 4) receivers_.push_back({watch_.Subscribe(), version_});
        break;
      case 1:
        if (mine != nullptr && receivers_.size() < 4) {
          Receiver copy = *mine;
          receivers_.push_back(copy);
        }
        break;
      case 2:
        if (mine != nullptr) receivers_.pop_back();
        break;
      case 3:
        if (!watch_) break;
        EXPECT_EQ(watch_.Send(value_ + 1), !receivers_.empty());
        if (!receivers_.empty()) Told();
        break;
      case 4:
        if (watch_) Modify(random_.Below(2) == 0);
        break;
      case 5:
        if (mine != nullptr) Changed(*mine);
        break;
      case 6:
        if (mine == nullptr) break;
        EXPECT_EQ(mine->seen.BorrowAndUpdate().HasChanged(), mine->version != version_);
        mine->version = version_;
        break;
      case 7:
        if (mine == nullptr) break;
        random_.Below(2) == 0 ? mine->seen.MarkChanged() : mine->seen.MarkUnchanged();
        mine->version = mine->seen.Borrow().HasChanged() ? -1 : version_;
        break;
      case 8:
        if (random_.Below(4) == 0) watch_.reset();
        break;
    }
    Compare();
  }

 private:
  struct Receiver {
    sync::WatchReceiver<int> seen;
    int version;  // -1: none
  };
  void Told() {
    ++value_;
    ++version_;
  }
  void Modify(bool tells) {
    const auto change = [&](int& value) {
      ++value;
      return tells;
    };
    EXPECT_EQ(watch_.SendIfModified(change), tells);
    ++value_;
    version_ += tells;
  }
  void Changed(Receiver& mine) {
    PolledTask changed(mine.seen.Changed());
    auto poll = changed.Poll();
    ASSERT_EQ(poll.ready(), mine.version != version_ || !watch_);
    if (poll.ready()) {
      EXPECT_EQ(poll->ok(), mine.version != version_);
    }
    mine.version = version_;
  }
  void Compare() {
    for (Receiver& mine : receivers_) {
      EXPECT_EQ(*mine.seen.Borrow(), value_);
      const auto changed = mine.seen.HasChanged();
      EXPECT_EQ(changed.ok(), static_cast<bool>(watch_));
      if (changed.ok()) {
        EXPECT_EQ(*changed, mine.version != version_);
      }
    }
    if (watch_) {
      EXPECT_EQ(watch_.ReceiverCount(), receivers_.size());
    }
  }

  base::FastRandom& random_;
  sync::Watch<int> watch_{0};
  std::vector<Receiver> receivers_;
  int value_ = 0;
  int version_ = 0;
};

// check: G5
// check: K4
TEST(SequenceChecks, Watch) { Sequences<Watched>(30'000); }

}  // namespace
}  // namespace kioto
