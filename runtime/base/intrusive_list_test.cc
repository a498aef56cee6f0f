#include "kioto/runtime/base/intrusive_list.h"

#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace kioto::base {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct Other;
struct Item : ListNode<>, ListNode<Other> {
  explicit Item(int value) : value(value) {}
  ~Item() {
    ListNode<>::Unlink();
    ListNode<Other>::Unlink();
  }
  int value;
};

template <class List>
std::vector<int> Values(List& list) {
  std::vector<int> values;
  for (Item& item : list) values.push_back(item.value);
  // Backwards it must be the same ring.
  std::vector<int> backwards;
  for (auto it = list.end(); it != list.begin();) backwards.insert(backwards.begin(), (--it)->value);
  EXPECT_EQ(values, backwards);
  return values;
}

TEST(IntrusiveListTest, KeepsOrder) {
  IntrusiveList<Item> list;
  Item a(1), b(2), c(3), d(4);
  EXPECT_TRUE(list.empty());
  EXPECT_EQ(list.PopFront(), nullptr);
  EXPECT_EQ(list.PopBack(), nullptr);
  list.PushBack(b);
  list.PushBack(c);
  list.PushFront(a);
  list.InsertBefore(c, d);
  EXPECT_THAT(Values(list), ElementsAre(1, 2, 4, 3));
  EXPECT_EQ(&list.front(), &a);
  EXPECT_EQ(&list.back(), &c);
  EXPECT_EQ(list.PopFront(), &a);
  EXPECT_EQ(list.PopBack(), &c);
  EXPECT_FALSE(a.ListNode<>::linked());
  EXPECT_THAT(Values(list), ElementsAre(2, 4));
  EXPECT_EQ(list.PopFront(), &b);
  EXPECT_EQ(list.PopFront(), &d);
  EXPECT_TRUE(list.empty());
}

// behaviour: tokio/src/util/linked_list.rs#remove_by_address
TEST(IntrusiveListTest, ElementLeavesFromAnywhere) {
  IntrusiveList<Item> list;
  Item a(1), b(2), c(3);
  for (Item* item : {&a, &b, &c}) list.PushBack(*item);
  EXPECT_TRUE(b.ListNode<>::Unlink());
  EXPECT_FALSE(b.ListNode<>::Unlink());
  EXPECT_THAT(Values(list), ElementsAre(1, 3));
  EXPECT_TRUE(a.ListNode<>::Unlink());
  EXPECT_TRUE(c.ListNode<>::Unlink());
  EXPECT_THAT(Values(list), IsEmpty());
  list.PushBack(b);
  EXPECT_THAT(Values(list), ElementsAre(2));
}

TEST(IntrusiveListTest, TwoTagsAreTwoLists) {
  IntrusiveList<Item> first;
  IntrusiveList<Item, Other> second;
  Item a(1), b(2);
  first.PushBack(a);
  first.PushBack(b);
  second.PushBack(b);
  second.PushBack(a);
  a.ListNode<>::Unlink();
  EXPECT_THAT(Values(first), ElementsAre(2));
  EXPECT_THAT(Values(second), ElementsAre(2, 1));
}

TEST(IntrusiveListTest, SpliceMovesAll) {
  IntrusiveList<Item> list;
  IntrusiveList<Item> other;
  Item a(1), b(2), c(3);
  list.PushBack(a);
  other.PushBack(b);
  other.PushBack(c);
  list.Splice(other);
  EXPECT_TRUE(other.empty());
  EXPECT_THAT(Values(list), ElementsAre(1, 2, 3));
  list.Splice(other);
  list.Splice(list);
  EXPECT_THAT(Values(list), ElementsAre(1, 2, 3));
  other.Splice(list);
  EXPECT_TRUE(list.empty());
  EXPECT_THAT(Values(other), ElementsAre(1, 2, 3));
}

#if KIOTO_DEBUG && defined(GTEST_HAS_DEATH_TEST)
TEST(IntrusiveListDeathTest, DebugBuildsSeeDanglingLinks) {
  EXPECT_DEATH(
      {
        IntrusiveList<ListNode<>> list;
        ListNode<> node;
        list.PushBack(node);
      },
      "destroyed while it was in a list");
  EXPECT_DEATH(
      {
        IntrusiveList<ListNode<>> list;
        ListNode<> node;
        list.PushBack(node);
        list.PushBack(node);
      },
      "put into a list while it was in one");
  EXPECT_DEATH(
      {
        ListNode<> node;
        IntrusiveList<ListNode<>> list;
        list.PushBack(node);
      },
      "list was destroyed while it had elements");
}
#endif

}  // namespace
}  // namespace kioto::base
