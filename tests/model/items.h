// Tasks for the models of queues: nothing but a header and a count of how often they were run.
#ifndef KIOTO_TESTS_MODEL_ITEMS_H_
#define KIOTO_TESTS_MODEL_ITEMS_H_

#include <memory>

#include "kioto/runtime/task/header.h"
#include "kioto/tests/model/model_testing.h"

namespace kioto::model {

struct Item : kioto::internal::TaskHeader {
  Item() : TaskHeader(nullptr, nullptr, 0, base::SourceLocation::Current()) {}

  // Before it is put into a queue: what a poll leaves behind, and the next one must find.
  Item* Ready() {
    ready.Write() = true;
    return this;
  }
  // Whoever takes the item out of a queue says so.
  void Run() {
    Assert(ready.Read(), "an item came without what was done to it before");
    Assert(runs.Read() == 0, "an item was taken twice");
    ++runs.Write();
  }

  Cell<bool> ready{false};
  Cell<int> runs{0};
};

// Items of one execution. The body makes them, and looks at the end whether each has been run once.
template <int kCount>
class Items {
 public:
  ~Items() {
    for (Item& item : items_) Assert(item.runs.Read() == 1, "an item was lost");
  }
  Item* operator[](int i) { return &items_[i]; }

 private:
  Item items_[kCount];
};

inline void RunItem(kioto::internal::TaskHeader* task) { static_cast<Item*>(task)->Run(); }

}  // namespace kioto::model

#endif  // KIOTO_TESTS_MODEL_ITEMS_H_
