#include "kioto/runtime/base/errno_table.h"

#include <cerrno>

namespace kioto::base {
namespace {

#define KIOTO_ERRNO(name, code) \
  { name, #name, absl::StatusCode::code }

// EWOULDBLOCK, EDEADLOCK and ENOTSUP are other names of EAGAIN, EDEADLK and EOPNOTSUPP on Linux.
//
// How a code was chosen: kInvalidArgument, the call can never work as it was written; kFailedPrecondition, not in this
// state; kUnavailable, the same call may work later; kResourceExhausted, a limit of the machine or the process.
constexpr ErrnoEntry kTable[] = {
    // clang-format off
    KIOTO_ERRNO(EPERM, kPermissionDenied),
    KIOTO_ERRNO(ENOENT, kNotFound),
    KIOTO_ERRNO(ESRCH, kNotFound),
    KIOTO_ERRNO(EINTR, kUnavailable),
    KIOTO_ERRNO(EIO, kDataLoss),
    KIOTO_ERRNO(ENXIO, kNotFound),
    KIOTO_ERRNO(E2BIG, kInvalidArgument),
    KIOTO_ERRNO(ENOEXEC, kFailedPrecondition),
    KIOTO_ERRNO(EBADF, kInvalidArgument),
    KIOTO_ERRNO(ECHILD, kFailedPrecondition),
    KIOTO_ERRNO(EAGAIN, kUnavailable),
    KIOTO_ERRNO(ENOMEM, kResourceExhausted),
    KIOTO_ERRNO(EACCES, kPermissionDenied),
    KIOTO_ERRNO(EFAULT, kInvalidArgument),
    KIOTO_ERRNO(ENOTBLK, kFailedPrecondition),
    KIOTO_ERRNO(EBUSY, kFailedPrecondition),
    KIOTO_ERRNO(EEXIST, kAlreadyExists),
    KIOTO_ERRNO(EXDEV, kFailedPrecondition),
    KIOTO_ERRNO(ENODEV, kNotFound),
    KIOTO_ERRNO(ENOTDIR, kInvalidArgument),
    KIOTO_ERRNO(EISDIR, kFailedPrecondition),
    KIOTO_ERRNO(EINVAL, kInvalidArgument),
    KIOTO_ERRNO(ENFILE, kResourceExhausted),
    KIOTO_ERRNO(EMFILE, kResourceExhausted),
    KIOTO_ERRNO(ENOTTY, kInvalidArgument),
    KIOTO_ERRNO(ETXTBSY, kFailedPrecondition),
    KIOTO_ERRNO(EFBIG, kOutOfRange),
    KIOTO_ERRNO(ENOSPC, kResourceExhausted),
    KIOTO_ERRNO(ESPIPE, kFailedPrecondition),
    KIOTO_ERRNO(EROFS, kFailedPrecondition),
    KIOTO_ERRNO(EMLINK, kResourceExhausted),
    KIOTO_ERRNO(EPIPE, kFailedPrecondition),
    KIOTO_ERRNO(EDOM, kInvalidArgument),
    KIOTO_ERRNO(ERANGE, kOutOfRange),
    KIOTO_ERRNO(EDEADLK, kAborted),
    KIOTO_ERRNO(ENAMETOOLONG, kInvalidArgument),
    KIOTO_ERRNO(ENOLCK, kUnavailable),
    KIOTO_ERRNO(ENOSYS, kUnimplemented),
    KIOTO_ERRNO(ENOTEMPTY, kFailedPrecondition),
    KIOTO_ERRNO(ELOOP, kFailedPrecondition),
    KIOTO_ERRNO(ENOMSG, kNotFound),
    KIOTO_ERRNO(EIDRM, kNotFound),
    KIOTO_ERRNO(ENOSTR, kInvalidArgument),
    KIOTO_ERRNO(ENODATA, kNotFound),
    KIOTO_ERRNO(ETIME, kDeadlineExceeded),
    KIOTO_ERRNO(ENOSR, kResourceExhausted),
    KIOTO_ERRNO(EREMOTE, kFailedPrecondition),
    KIOTO_ERRNO(ENOLINK, kUnavailable),
    KIOTO_ERRNO(EPROTO, kInternal),
    KIOTO_ERRNO(EMULTIHOP, kFailedPrecondition),
    KIOTO_ERRNO(EBADMSG, kDataLoss),
    KIOTO_ERRNO(EOVERFLOW, kOutOfRange),
    KIOTO_ERRNO(EILSEQ, kInvalidArgument),
    KIOTO_ERRNO(EUSERS, kResourceExhausted),
    KIOTO_ERRNO(ENOTSOCK, kInvalidArgument),
    KIOTO_ERRNO(EDESTADDRREQ, kInvalidArgument),
    KIOTO_ERRNO(EMSGSIZE, kInvalidArgument),
    KIOTO_ERRNO(EPROTOTYPE, kInvalidArgument),
    KIOTO_ERRNO(ENOPROTOOPT, kFailedPrecondition),
    KIOTO_ERRNO(EPROTONOSUPPORT, kUnimplemented),
    KIOTO_ERRNO(ESOCKTNOSUPPORT, kUnimplemented),
    KIOTO_ERRNO(EOPNOTSUPP, kUnimplemented),
    KIOTO_ERRNO(EPFNOSUPPORT, kUnimplemented),
    KIOTO_ERRNO(EAFNOSUPPORT, kUnimplemented),
    KIOTO_ERRNO(EADDRINUSE, kAlreadyExists),
    KIOTO_ERRNO(EADDRNOTAVAIL, kFailedPrecondition),
    KIOTO_ERRNO(ENETDOWN, kUnavailable),
    KIOTO_ERRNO(ENETUNREACH, kUnavailable),
    KIOTO_ERRNO(ENETRESET, kUnavailable),
    KIOTO_ERRNO(ECONNABORTED, kUnavailable),
    KIOTO_ERRNO(ECONNRESET, kUnavailable),
    KIOTO_ERRNO(ENOBUFS, kResourceExhausted),
    KIOTO_ERRNO(EISCONN, kFailedPrecondition),
    KIOTO_ERRNO(ENOTCONN, kFailedPrecondition),
    KIOTO_ERRNO(ESHUTDOWN, kFailedPrecondition),
    KIOTO_ERRNO(ETOOMANYREFS, kResourceExhausted),
    KIOTO_ERRNO(ETIMEDOUT, kDeadlineExceeded),
    KIOTO_ERRNO(ECONNREFUSED, kUnavailable),
    KIOTO_ERRNO(EHOSTDOWN, kUnavailable),
    KIOTO_ERRNO(EHOSTUNREACH, kUnavailable),
    KIOTO_ERRNO(EALREADY, kUnavailable),
    KIOTO_ERRNO(EINPROGRESS, kUnavailable),
    KIOTO_ERRNO(ESTALE, kAborted),
    KIOTO_ERRNO(EDQUOT, kResourceExhausted),
    KIOTO_ERRNO(ECANCELED, kCancelled),
    KIOTO_ERRNO(EOWNERDEAD, kUnavailable),
    KIOTO_ERRNO(ENOTRECOVERABLE, kFailedPrecondition),
#ifdef __linux__
    KIOTO_ERRNO(ECHRNG, kOutOfRange),
    KIOTO_ERRNO(EL2NSYNC, kInternal),
    KIOTO_ERRNO(EL3HLT, kInternal),
    KIOTO_ERRNO(EL3RST, kInternal),
    KIOTO_ERRNO(ELNRNG, kInternal),
    KIOTO_ERRNO(EUNATCH, kFailedPrecondition),
    KIOTO_ERRNO(ENOCSI, kNotFound),
    KIOTO_ERRNO(EL2HLT, kInternal),
    KIOTO_ERRNO(EBADE, kInvalidArgument),
    KIOTO_ERRNO(EBADR, kInvalidArgument),
    KIOTO_ERRNO(EXFULL, kResourceExhausted),
    KIOTO_ERRNO(ENOANO, kNotFound),
    KIOTO_ERRNO(EBADRQC, kInvalidArgument),
    KIOTO_ERRNO(EBADSLT, kInvalidArgument),
    KIOTO_ERRNO(EBFONT, kInvalidArgument),
    KIOTO_ERRNO(ENONET, kUnavailable),
    KIOTO_ERRNO(ENOPKG, kUnimplemented),
    KIOTO_ERRNO(EADV, kUnavailable),
    KIOTO_ERRNO(ESRMNT, kUnavailable),
    KIOTO_ERRNO(ECOMM, kUnavailable),
    KIOTO_ERRNO(EDOTDOT, kInternal),
    KIOTO_ERRNO(ENOTUNIQ, kAlreadyExists),
    KIOTO_ERRNO(EBADFD, kFailedPrecondition),
    KIOTO_ERRNO(EREMCHG, kUnavailable),
    KIOTO_ERRNO(ELIBACC, kFailedPrecondition),
    KIOTO_ERRNO(ELIBBAD, kFailedPrecondition),
    KIOTO_ERRNO(ELIBSCN, kInvalidArgument),
    KIOTO_ERRNO(ELIBMAX, kFailedPrecondition),
    KIOTO_ERRNO(ELIBEXEC, kFailedPrecondition),
    KIOTO_ERRNO(ERESTART, kUnavailable),
    KIOTO_ERRNO(ESTRPIPE, kUnavailable),
    KIOTO_ERRNO(EUCLEAN, kDataLoss),
    KIOTO_ERRNO(ENOTNAM, kFailedPrecondition),
    KIOTO_ERRNO(ENAVAIL, kFailedPrecondition),
    KIOTO_ERRNO(EISNAM, kFailedPrecondition),
    KIOTO_ERRNO(EREMOTEIO, kUnavailable),
    KIOTO_ERRNO(ENOMEDIUM, kNotFound),
    KIOTO_ERRNO(EMEDIUMTYPE, kFailedPrecondition),
    KIOTO_ERRNO(ENOKEY, kUnauthenticated),
    KIOTO_ERRNO(EKEYEXPIRED, kUnauthenticated),
    KIOTO_ERRNO(EKEYREVOKED, kUnauthenticated),
    KIOTO_ERRNO(EKEYREJECTED, kFailedPrecondition),
    KIOTO_ERRNO(ERFKILL, kUnavailable),
    KIOTO_ERRNO(EHWPOISON, kDataLoss),
#endif
    // clang-format on
};

#undef KIOTO_ERRNO

constexpr size_t kCount = sizeof(kTable) / sizeof(kTable[0]);

}  // namespace

ErrnoEntries ErrnoTable() { return {kTable, kCount}; }

const ErrnoEntry* FindErrno(int number) {
  for (const ErrnoEntry& entry : kTable) {
    if (entry.number == number) return &entry;
  }
  return nullptr;
}

}  // namespace kioto::base
