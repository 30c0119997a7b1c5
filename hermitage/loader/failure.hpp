// Why a kernel cannot be started: one sentence for a person, without a full stop.
#pragma once

#include <expected>
#include <string_view>

#include "hermitage/entry/problem.hpp"

namespace hermitage::loader {

// No larger than a pointer: there are many ways to fail, and a loader is to be small.
class Failure {
 public:
  // Of text that stays.
  explicit constexpr Failure(const char* sentence) noexcept : sentence_{sentence} {}

  [[nodiscard]] constexpr auto c_str() const noexcept -> const char* { return sentence_; }
  [[nodiscard]] constexpr auto view() const noexcept -> std::string_view { return sentence_; }
  constexpr operator std::string_view() const noexcept { return sentence_; }  // NOLINT(google-explicit-constructor)

 private:
  const char* sentence_;
};

template <class T>
using Result = std::expected<T, Failure>;

[[nodiscard]] inline auto failure(const char* sentence) noexcept -> std::unexpected<Failure> {
  return std::unexpected{Failure{sentence}};
}

// With a sentence that was put together, which stays until this is called again: a loader fails once.
[[nodiscard]] auto failure(const entry::Message& sentence) noexcept -> std::unexpected<Failure>;

// Says it, and ends the machine.
[[noreturn]] void fail(std::string_view sentence) noexcept;

}  // namespace hermitage::loader
