// ExitStatus: how a process ended: by itself, with a code, or by a signal.
#ifndef KIOTO_RUNTIME_PROCESS_EXIT_STATUS_H_
#define KIOTO_RUNTIME_PROCESS_EXIT_STATUS_H_

#include <optional>
#include <string>

namespace kioto::process {

class ExitStatus {
 public:
  static ExitStatus Exited(int code) { return ExitStatus(code, 0, false); }
  static ExitStatus Killed(int signal, bool core_dumped) { return ExitStatus(0, signal, core_dumped); }

  // Ended by itself with 0.
  bool success() const { return signal_ == 0 && code_ == 0; }
  // 0 to 255; none if a signal ended it.
  std::optional<int> code() const { return signal_ == 0 ? std::optional<int>(code_) : std::nullopt; }
  // What ended it; none if it ended by itself.
  std::optional<int> signal() const { return signal_ != 0 ? std::optional<int>(signal_) : std::nullopt; }
  bool core_dumped() const { return core_dumped_; }
  // "exit code 2", "signal 11 (Segmentation fault), core dumped".
  std::string ToString() const;

  friend bool operator==(ExitStatus a, ExitStatus b) {
    return a.code_ == b.code_ && a.signal_ == b.signal_ && a.core_dumped_ == b.core_dumped_;
  }
  friend bool operator!=(ExitStatus a, ExitStatus b) { return !(a == b); }

 private:
  ExitStatus(int code, int signal, bool core_dumped) : code_(code), signal_(signal), core_dumped_(core_dumped) {}

  int code_;
  int signal_;
  bool core_dumped_;
};

}  // namespace kioto::process

#endif  // KIOTO_RUNTIME_PROCESS_EXIT_STATUS_H_
