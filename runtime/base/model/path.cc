#include "kioto/runtime/base/model/path.h"

namespace kioto::model::internal {

int Path::Next(int alternatives) {
  Choice& choice = choices_[position_++];
  if (choice.alternatives == 0) choice.alternatives = static_cast<uint8_t>(alternatives);
  if (choice.alternatives != alternatives || choice.taken >= alternatives) return -1;
  return choice.taken;
}

void Path::Append(int alternatives, int choice) {
  choices_.push_back({static_cast<uint8_t>(choice), static_cast<uint8_t>(alternatives)});
  ++position_;
}

bool Path::Advance() {
  // What lies behind the position belongs to an execution that took another way.
  choices_.resize(position_);
  while (!choices_.empty() && choices_.back().taken + 1 >= choices_.back().alternatives)
    choices_.pop_back();
  if (choices_.empty()) return false;
  ++choices_.back().taken;
  return true;
}

std::string Path::ToString() const {
  std::string text;
  for (size_t i = 0; i < position_; ++i) text += static_cast<char>('0' + choices_[i].taken);
  while (!text.empty() && text.back() == '0') text.pop_back();
  return text.empty() ? "0" : text;
}

bool Path::Parse(const std::string& text, Path* path) {
  path->Clear();
  for (char c : text) {
    if (c < '0' || c > '0' + 2 * 9) return false;
    path->choices_.push_back({static_cast<uint8_t>(c - '0'), 0});
  }
  return true;
}

}  // namespace kioto::model::internal
