// Tracked: a value that counts those alive of its kind and writes its end into a log: for leaks, and orders of destruction.
//
//   DestructionLog log;
//   { Tracked a("a", &log); Tracked b("b", &log); }
//   EXPECT_EQ(log.text(), "b a");
//   EXPECT_EQ(Tracked::alive(), 0);
// Move-only. A value that was moved from says nothing more. One thread.
#ifndef KIOTO_RUNTIME_FUTURE_TESTING_TRACKED_H_
#define KIOTO_RUNTIME_FUTURE_TESTING_TRACKED_H_

#include <string>
#include <utility>

namespace kioto {

class DestructionLog {
 public:
  void Add(const std::string& name) { text_ += (text_.empty() ? "" : " ") + name; }
  const std::string& text() const { return text_; }
  void Clear() { text_.clear(); }

 private:
  std::string text_;
};

class Tracked {
 public:
  explicit Tracked(std::string name = "", DestructionLog* log = nullptr) : name_(std::move(name)), log_(log) { ++alive_; }
  Tracked(Tracked&& other) noexcept
      : name_(std::move(other.name_)), log_(std::exchange(other.log_, nullptr)), self_(this) {
    ++alive_;
  }
  Tracked& operator=(Tracked&& other) noexcept {
    End();
    name_ = std::move(other.name_);
    log_ = std::exchange(other.log_, nullptr);
    return *this;
  }
  ~Tracked() {
    End();
    self_ = nullptr;
    --alive_;
  }

  const std::string& name() const { return name_; }
  // Whether this object is at the address where it was made: false once it is destroyed or was copied as bytes.
  bool lives() const { return self_ == this; }

  // Objects that exist, moved-from ones too.
  static int alive() { return alive_; }

 private:
  void End() {
    if (log_ != nullptr) log_->Add(name_);
  }

  std::string name_;
  DestructionLog* log_;
  Tracked* self_ = this;
  inline static int alive_ = 0;
};

}  // namespace kioto

#endif  // KIOTO_RUNTIME_FUTURE_TESTING_TRACKED_H_
