// The reason why a kernel cannot be started: one sentence for users, without a full stop.
#pragma once

#include <expected>
#include <string_view>

#include "hermitage/entry/problem.hpp"

namespace hermitage::loader {

// Not larger than a pointer, to keep the loader small: it has many failures.
class Failure {
 public:
  // The sentence must have static lifetime.
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

// A failure with a formatted sentence. The next call overwrites it: a loader fails only once.
[[nodiscard]] auto failure(const entry::Message& sentence) noexcept -> std::unexpected<Failure>;

// Prints the sentence, and ends the machine.
[[noreturn]] void fail(std::string_view sentence) noexcept;

}  // namespace hermitage::loader
