// Why a value that a user gave is refused, before anything is done with it.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

#include "hermitage/entry/problem.hpp"

namespace hermitage::base {

struct InvalidValue {
  enum class Code : std::uint8_t {
    arguments,     // of the kernel or the application, or environment variables
    memory_size,   // of the guest
    port_forward,  // of the host to the guest
    network,       // of the guest
  };

  Code code = Code::arguments;
  std::string text = {};  // one sentence about the value, without a full stop; the caller knows which option it is of

  friend auto operator==(const InvalidValue&, const InvalidValue&) -> bool = default;

  [[nodiscard]] static constexpr auto severity() noexcept -> entry::Severity { return entry::Severity::error; }
  // The code's name as in the enum: stable.
  [[nodiscard]] auto name() const noexcept -> std::string_view {
    switch (code) {
      case Code::arguments: return "arguments";
      case Code::memory_size: return "memory_size";
      case Code::port_forward: return "port_forward";
      case Code::network: return "network";
    }
    return "";
  }
  [[nodiscard]] auto message() const noexcept HERMITAGE_LIFETIMEBOUND -> const std::string& { return text; }
};

template <class T>
using OrInvalid = std::expected<T, InvalidValue>;

[[nodiscard]] inline auto invalid(InvalidValue::Code code, std::string text) -> std::unexpected<InvalidValue> {
  return std::unexpected{InvalidValue{.code = code, .text = std::move(text)}};
}

}  // namespace hermitage::base
