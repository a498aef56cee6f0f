// SourceLocation: where in the user's code something was made. 16 bytes, no registration, free to copy.
//
//   JoinHandle Spawn(F future, base::SourceLocation location = base::SourceLocation::Current());
#ifndef KIOTO_RUNTIME_BASE_SOURCE_LOCATION_H_
#define KIOTO_RUNTIME_BASE_SOURCE_LOCATION_H_

namespace kioto::base {

class SourceLocation {
 public:
  // Nowhere: file "", line 0.
  constexpr SourceLocation() = default;

  // As the default of a parameter: the place of the call. Give it no arguments.
  static constexpr SourceLocation Current(const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
    return SourceLocation(file, line);
  }

  constexpr const char* file() const { return file_; }
  constexpr int line() const { return line_; }

  // The part of file() after the last slash.
  constexpr const char* file_name() const {
    const char* name = file_;
    for (const char* c = file_; *c != '\0'; ++c) {
      if (*c == '/') name = c + 1;
    }
    return name;
  }

 private:
  constexpr SourceLocation(const char* file, int line) : file_(file), line_(line) {}

  const char* file_ = "";  // a literal: lives as long as the program
  int line_ = 0;
};

static_assert(sizeof(SourceLocation) == 16);

}  // namespace kioto::base

#endif  // KIOTO_RUNTIME_BASE_SOURCE_LOCATION_H_
