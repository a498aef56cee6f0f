// Nobody's file descriptors are 0, 1 and 2 but the standard streams'.
#ifndef KIOTO_RUNTIME_BASE_STANDARD_FDS_H_
#define KIOTO_RUNTIME_BASE_STANDARD_FDS_H_

namespace kioto::base {

// Whichever of the fds 0, 1 and 2 is closed becomes /dev/null, which a child inherits. A program that was started without one of
// them would give its number to the next socket, and then print into it; and libuv ends a program that closes such a handle of
// its own. Any thread; a file that cannot be opened changes nothing.
void FillStandardFds();

}  // namespace kioto::base

#endif  // KIOTO_RUNTIME_BASE_STANDARD_FDS_H_
