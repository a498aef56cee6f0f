// The smallest file for kioto_nocompile_test: a control, and two cases.

template <class T>
struct ByReference {
  static_assert(!__is_enum(T), "kioto: the example refuses an enum");
};

[[nodiscard]] int Result();

inline ByReference<int> control;

#ifdef KIOTO_NC_CASE_enum_refused
// EXPECT: kioto: the example refuses an enum
enum class Color { kRed };
inline ByReference<Color> refused;
#endif

#ifdef KIOTO_NC_CASE_result_dropped
// EXPECT_GCC: ignoring return value of
// EXPECT_CLANG: ignoring return value of function
inline void Drop() { Result(); }
#endif
