// Path: the choices that make one execution out of all that a model has.
//
// An execution is deterministic but for the choices it asks for. Depth first: the next path differs
// from the last one in its latest choice that has an alternative left.
#ifndef KIOTO_RUNTIME_BASE_MODEL_PATH_H_
#define KIOTO_RUNTIME_BASE_MODEL_PATH_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace kioto::model::internal {

class Path {
 public:
  // The start of an execution: choices are taken from the path again, then made.
  void Rewind() { position_ = 0; }
  void Clear() {
    choices_.clear();
    position_ = 0;
  }

  // Whether the next choice is on the path already. Then Next(n) gives it; -1 if it was among
  // another number of alternatives, that is, if the model is not deterministic.
  bool replaying() const { return position_ < choices_.size(); }
  int Next(int alternatives);
  // Appends a choice.
  void Append(int alternatives, int choice);

  // The next path, depth first. False: there is none.
  bool Advance();

  // One character a choice; trailing zeros left out.
  std::string ToString() const;
  static bool Parse(const std::string& text, Path* path);

 private:
  struct Choice {
    uint8_t taken;
    uint8_t alternatives;  // 0: unknown, the path was parsed
  };
  std::vector<Choice> choices_;
  size_t position_ = 0;
};

}  // namespace kioto::model::internal

#endif  // KIOTO_RUNTIME_BASE_MODEL_PATH_H_
