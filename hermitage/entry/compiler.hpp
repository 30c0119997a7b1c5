// The requirements of the public headers on a compiler, and an attribute for its warnings.
#pragma once

// GCC 12 and 13 state 202100L for -std=c++23.
#if !defined(__cplusplus) || __cplusplus < 202100L
#error "Hermitage needs C++23: compile with -std=c++23, or link with a target of hermitage in CMake"
#endif

// HERMITAGE_LIFETIMEBOUND: the result refers to this argument, or, after a member function's parameters, to the object.
// Clang then warns about results that outlive a temporary (-Wdangling).
#if defined(__has_cpp_attribute)
#if __has_cpp_attribute(clang::lifetimebound)
#define HERMITAGE_LIFETIMEBOUND [[clang::lifetimebound]]
#endif
#endif
#if !defined(HERMITAGE_LIFETIMEBOUND)
#define HERMITAGE_LIFETIMEBOUND
#endif
