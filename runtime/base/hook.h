// Hook<R(Args...)>: a function of the user's that a runtime calls: any number of times, on any thread, also at once. Copies
// share the function, which dies with the last of them. Empty by default. What it throws ends the program.
#ifndef KIOTO_RUNTIME_BASE_HOOK_H_
#define KIOTO_RUNTIME_BASE_HOOK_H_

#include <memory>
#include <type_traits>
#include <utility>

namespace kioto {

template <class Signature>
class Hook;

template <class R, class... Args>
class Hook<R(Args...)> {
 public:
  Hook() = default;
  // `f` is called as a const object: what it changes is shared by threads, and its own business.
  template <class F, class = std::enable_if_t<std::is_invocable_r_v<R, const std::decay_t<F>&, Args...> &&
                                              !std::is_same_v<std::decay_t<F>, Hook>>>
  Hook(F&& f)  // NOLINT: a lambda is a hook
      : function_(std::make_shared<const std::decay_t<F>>(std::forward<F>(f))), call_(&Call<std::decay_t<F>>) {}

  explicit operator bool() const { return call_ != nullptr; }
  R operator()(Args... args) const { return call_(function_.get(), std::forward<Args>(args)...); }
  // Nothing happens without a function.
  void CallIfSet(Args... args) const {
    if (call_ != nullptr) (void)call_(function_.get(), std::forward<Args>(args)...);
  }

 private:
  template <class F>
  static R Call(const void* function, Args... args) noexcept {
    return (*static_cast<const F*>(function))(std::forward<Args>(args)...);
  }

  std::shared_ptr<const void> function_;
  R (*call_)(const void*, Args...) = nullptr;
};

}  // namespace kioto

#endif  // KIOTO_RUNTIME_BASE_HOOK_H_
