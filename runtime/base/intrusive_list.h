// IntrusiveList<T>: a doubly linked list whose links lie in its elements, so that linking allocates nothing and an
// element leaves in O(1) without knowing its list.
//
//   struct Waiter : base::ListNode<> { ... };
//   base::IntrusiveList<Waiter> waiters;
//   waiters.PushBack(waiter);
//   waiter.Unlink();
//
// An element that is in two lists derives from two nodes with different tags:
//
//   struct Task : base::ListNode<struct OwnedTag>, base::ListNode<struct QueueTag> { ... };
//   base::IntrusiveList<Task, OwnedTag> owned;
//
// Lists own nothing. A node that is linked may not be moved or destroyed (checked in debug builds); nor may a list with
// elements. Threads: none of its own; whoever guards the list guards the links of its elements.
#ifndef KIOTO_RUNTIME_BASE_INTRUSIVE_LIST_H_
#define KIOTO_RUNTIME_BASE_INTRUSIVE_LIST_H_

#include <cstddef>
#include <iterator>
#include <type_traits>

#include "kioto/runtime/base/check.h"

namespace kioto::base {

template <class T, class Tag>
class IntrusiveList;

template <class Tag = void>
class ListNode {
 public:
  ListNode() = default;
  ListNode(const ListNode&) = delete;
  ListNode& operator=(const ListNode&) = delete;
  ~ListNode() { KIOTO_DCHECK(!linked(), "a node was destroyed while it was in a list: call Unlink() first"); }

  bool linked() const { return next_ != nullptr; }

  // Leaves the list. Nothing happens if the node is in none. Returns whether it was in one.
  bool Unlink() {
    if (!linked()) return false;
    next_->prev_ = prev_;
    prev_->next_ = next_;
    // Not prev_ too: a compiler makes one store of sixteen bytes of both, and where they lie across two pages it takes ten
    // times as long as the rest.
    next_ = nullptr;
    return true;
  }

 private:
  template <class T, class OtherTag>
  friend class IntrusiveList;

  void LinkBefore(ListNode* next) {
    KIOTO_DCHECK(!linked(), "a node was put into a list while it was in one");
    next_ = next;
    prev_ = next->prev_;
    prev_->next_ = this;
    next->prev_ = this;
  }

  ListNode* next_ = nullptr;  // null: in no list, and prev_ means nothing
  ListNode* prev_ = nullptr;
};

template <class T, class Tag = void>
class IntrusiveList {
  using Node = ListNode<Tag>;

 public:
  class Iterator {
   public:
    using iterator_category = std::bidirectional_iterator_tag;
    using value_type = T;
    using difference_type = std::ptrdiff_t;
    using pointer = T*;
    using reference = T&;

    Iterator() = default;
    explicit Iterator(Node* node) : node_(node) {}
    T& operator*() const { return *static_cast<T*>(node_); }
    T* operator->() const { return static_cast<T*>(node_); }
    Iterator& operator++() {
      node_ = node_->next_;
      return *this;
    }
    Iterator operator++(int) {
      Iterator before = *this;
      ++*this;
      return before;
    }
    Iterator& operator--() {
      node_ = node_->prev_;
      return *this;
    }
    Iterator operator--(int) {
      Iterator before = *this;
      --*this;
      return before;
    }
    friend bool operator==(Iterator a, Iterator b) { return a.node_ == b.node_; }
    friend bool operator!=(Iterator a, Iterator b) { return a.node_ != b.node_; }

   private:
    Node* node_ = nullptr;
  };

  IntrusiveList() { Reset(); }
  IntrusiveList(const IntrusiveList&) = delete;
  IntrusiveList& operator=(const IntrusiveList&) = delete;
  ~IntrusiveList() {
    KIOTO_DCHECK(empty(), "a list was destroyed while it had elements: their links would dangle");
    end_.next_ = end_.prev_ = nullptr;
  }

  bool empty() const { return end_.next_ == &end_; }

  // The ends; only when not empty().
  T& front() { return *static_cast<T*>(end_.next_); }
  T& back() { return *static_cast<T*>(end_.prev_); }

  void PushBack(T& element) { AsNode(element).LinkBefore(&end_); }
  void PushFront(T& element) { AsNode(element).LinkBefore(end_.next_); }
  // Puts `element` in front of `next`, which is in this list.
  void InsertBefore(T& next, T& element) { AsNode(element).LinkBefore(&AsNode(next)); }

  // The first element, unlinked; null when empty.
  T* PopFront() {
    if (empty()) return nullptr;
    T* element = &front();
    AsNode(*element).Unlink();
    return element;
  }
  T* PopBack() {
    if (empty()) return nullptr;
    T* element = &back();
    AsNode(*element).Unlink();
    return element;
  }

  // Moves all elements of `other` to the back of this list. O(1).
  void Splice(IntrusiveList& other) {
    if (other.empty() || &other == this) return;
    Node* first = other.end_.next_;
    Node* last = other.end_.prev_;
    first->prev_ = end_.prev_;
    end_.prev_->next_ = first;
    last->next_ = &end_;
    end_.prev_ = last;
    other.Reset();
  }

  // An element may be unlinked while the loop stands on it only after the iterator has moved on.
  Iterator begin() { return Iterator(end_.next_); }
  Iterator end() { return Iterator(&end_); }

 private:
  static Node& AsNode(T& element) {
    static_assert(std::is_base_of_v<Node, T>, "kioto: an element of IntrusiveList<T, Tag> derives from ListNode<Tag>");
    return element;
  }
  void Reset() { end_.next_ = end_.prev_ = &end_; }

  Node end_;  // closes the ring
};

}  // namespace kioto::base

#endif  // KIOTO_RUNTIME_BASE_INTRUSIVE_LIST_H_
