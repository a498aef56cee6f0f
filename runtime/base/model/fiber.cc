#include "kioto/runtime/base/model/fiber.h"

#include <sys/mman.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>

namespace kioto::model::internal {
namespace {

constexpr size_t kStackSize = 256 * 1024;
constexpr size_t kGuardSize =
    16 * 1024;  // below the stack: an overflow faults instead of writing elsewhere

char* NewStack() {
  void* stack = mmap(nullptr, kStackSize + kGuardSize, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (stack == MAP_FAILED || mprotect(stack, kGuardSize, PROT_NONE) != 0) {
    std::fputs("kioto: no memory for the stack of a model thread\n", stderr);
    std::abort();
  }
  return static_cast<char*>(stack);
}

}  // namespace

Fiber::~Fiber() {
  if (stack_ != nullptr) munmap(stack_, kStackSize + kGuardSize);
}

#if KIOTO_MODEL_UCONTEXT

namespace {
void Enter(unsigned entry_high, unsigned entry_low, unsigned arg_high, unsigned arg_low) {
  auto join = [](unsigned high, unsigned low) {
    return static_cast<uintptr_t>((uint64_t{high} << 32) | low);
  };
  reinterpret_cast<void (*)(void*)>(join(entry_high, entry_low))(
      reinterpret_cast<void*>(join(arg_high, arg_low)));
}
unsigned High(uint64_t word) { return static_cast<unsigned>(word >> 32); }
unsigned Low(uint64_t word) { return static_cast<unsigned>(word); }
}  // namespace

void Fiber::Prepare(void (*entry)(void*), void* arg) {
  if (stack_ == nullptr) stack_ = NewStack();
  getcontext(&context_);
  context_.uc_stack.ss_sp = stack_ + kGuardSize;
  context_.uc_stack.ss_size = kStackSize;
  context_.uc_link = nullptr;
  const uint64_t e = reinterpret_cast<uintptr_t>(entry), a = reinterpret_cast<uintptr_t>(arg);
  makecontext(&context_, reinterpret_cast<void (*)()>(Enter), 4, High(e), Low(e), High(a), Low(a));
}

void Fiber::Switch(Fiber& from, Fiber& to) { swapcontext(&from.context_, &to.context_); }

#else

// ucontext makes a system call at every switch, for the signal mask: 20 times the cost of these.
extern "C" void kioto_model_switch(void** save, void* load);
extern "C" void kioto_model_enter();

#if defined(__x86_64__)

asm(R"(
.text
.p2align 4
.globl kioto_model_switch
.type kioto_model_switch, @function
kioto_model_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size kioto_model_switch, .-kioto_model_switch

.p2align 4
.globl kioto_model_enter
.type kioto_model_enter, @function
kioto_model_enter:
  movq %r13, %rdi
  callq *%r12
  ud2
.size kioto_model_enter, .-kioto_model_enter
)");

void Fiber::Prepare(void (*entry)(void*), void* arg) {
  if (stack_ == nullptr) stack_ = NewStack();
  void** top = reinterpret_cast<void**>(stack_ + kGuardSize + kStackSize);
  *--top = nullptr;  // keeps the stack aligned to 16 bytes where kioto_model_enter begins
  *--top = nullptr;
  *--top = reinterpret_cast<void*>(&kioto_model_enter);
  *--top = nullptr;                         // rbp: end of the chain of frames
  *--top = nullptr;                         // rbx
  *--top = reinterpret_cast<void*>(entry);  // r12
  *--top = arg;                             // r13
  *--top = nullptr;                         // r14
  *--top = nullptr;                         // r15
  stack_pointer_ = top;
}

#else  // __aarch64__

asm(R"(
.text
.p2align 4
.globl kioto_model_switch
.type kioto_model_switch, @function
kioto_model_switch:
  sub sp, sp, #160
  stp x19, x20, [sp, #0]
  stp x21, x22, [sp, #16]
  stp x23, x24, [sp, #32]
  stp x25, x26, [sp, #48]
  stp x27, x28, [sp, #64]
  stp x29, x30, [sp, #80]
  stp d8, d9, [sp, #96]
  stp d10, d11, [sp, #112]
  stp d12, d13, [sp, #128]
  stp d14, d15, [sp, #144]
  mov x9, sp
  str x9, [x0]
  mov sp, x1
  ldp x19, x20, [sp, #0]
  ldp x21, x22, [sp, #16]
  ldp x23, x24, [sp, #32]
  ldp x25, x26, [sp, #48]
  ldp x27, x28, [sp, #64]
  ldp x29, x30, [sp, #80]
  ldp d8, d9, [sp, #96]
  ldp d10, d11, [sp, #112]
  ldp d12, d13, [sp, #128]
  ldp d14, d15, [sp, #144]
  add sp, sp, #160
  ret
.size kioto_model_switch, .-kioto_model_switch

.p2align 4
.globl kioto_model_enter
.type kioto_model_enter, @function
kioto_model_enter:
  mov x0, x20
  blr x19
  brk #1
.size kioto_model_enter, .-kioto_model_enter
)");

void Fiber::Prepare(void (*entry)(void*), void* arg) {
  if (stack_ == nullptr) stack_ = NewStack();
  void** top = reinterpret_cast<void**>(stack_ + kGuardSize + kStackSize - 160);
  for (int i = 0; i < 20; ++i) top[i] = nullptr;
  top[0] = reinterpret_cast<void*>(entry);                // x19
  top[1] = arg;                                           // x20
  top[11] = reinterpret_cast<void*>(&kioto_model_enter);  // x30
  stack_pointer_ = top;
}

#endif

void Fiber::Switch(Fiber& from, Fiber& to) {
  kioto_model_switch(&from.stack_pointer_, to.stack_pointer_);
}

#endif

}  // namespace kioto::model::internal
