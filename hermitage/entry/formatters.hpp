// Formatters for {fmt}, and for std::format where the standard library has it. For hosted programs: the core does not
// include this header, and it links with nothing.
//
//   fmt::print("{}: entry point {:>20}\n", kernel.error(), loaded.entry_point);
//
// Problems and errors are formatted as their message(), addresses and file offsets as "0x200000". Width, fill and
// alignment are those of strings.
#pragma once

#include <string_view>
#include <version>

#include "hermitage/entry/address.hpp"
#include "hermitage/entry/problem.hpp"
#include "hermitage/entry/text.hpp"

#if __has_include(<fmt/format.h>)
#include <fmt/format.h>
#define HERMITAGE_HAS_FMT 1
#endif
#if defined(__cpp_lib_format)
#include <format>
#define HERMITAGE_HAS_STD_FORMAT 1
#endif

namespace hermitage::entry {

// The text of a value for people. Formatters call it.
[[nodiscard]] constexpr auto text_of(GuestAddress address) noexcept -> FixedText<19> {
  FixedText<19> text;
  text.append_hex(address.value);
  return text;
}
[[nodiscard]] constexpr auto text_of(FileOffset offset) noexcept -> FixedText<19> {
  return text_of(GuestAddress{offset.value});
}
template <AnyProblem T>
[[nodiscard]] auto text_of(const T& problem) {
  return problem.message();
}

template <class T>
concept Formattable = std::same_as<T, GuestAddress> || std::same_as<T, FileOffset> || AnyProblem<T>;

}  // namespace hermitage::entry

#if defined(HERMITAGE_HAS_FMT)
template <hermitage::entry::Formattable T>
struct fmt::formatter<T, char> : fmt::formatter<std::string_view, char> {
  template <class Context>
  auto format(const T& value, Context& context) const {
    return fmt::formatter<std::string_view, char>::format(std::string_view{hermitage::entry::text_of(value)}, context);
  }
};
#endif

#if defined(HERMITAGE_HAS_STD_FORMAT)
template <hermitage::entry::Formattable T>
struct std::formatter<T, char> : std::formatter<std::string_view, char> {
  template <class Context>
  auto format(const T& value, Context& context) const {
    return std::formatter<std::string_view, char>::format(std::string_view{hermitage::entry::text_of(value)}, context);
  }
};
#endif
