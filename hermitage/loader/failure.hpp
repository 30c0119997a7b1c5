// Why a kernel cannot be started: one sentence for a person, without a full stop.
#pragma once

#include <expected>
#include <string_view>

#include "hermitage/entry/problem.hpp"

namespace hermitage::loader {

using Failure = entry::Message;

template <class T>
using Result = std::expected<T, Failure>;

[[nodiscard]] inline auto failure(std::string_view sentence) noexcept -> std::unexpected<Failure> {
  return std::unexpected{Failure{}.append(sentence)};
}

// Says it, and ends the machine.
[[noreturn]] void fail(std::string_view sentence) noexcept;

}  // namespace hermitage::loader
