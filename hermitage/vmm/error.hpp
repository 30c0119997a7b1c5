// The reason why a machine cannot be made or started.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

#include "hermitage/entry/problem.hpp"

namespace hermitage::vmm {

enum class ErrorCode : std::uint8_t {
  configuration,   // the options contradict each other or the image
  image,           // this monitor cannot run the image
  kvm_missing,     // the host has no KVM
  kvm_permission,  // the user has no permission to use KVM
  kvm_failed,      // a KVM call failed
  host_failed,     // another system call failed, such as for memory, a file or a thread
};

struct Error {
  ErrorCode code;
  // One sentence for the user, without a full stop: what failed, and what to do if that is known.
  std::string text;

  friend auto operator==(const Error&, const Error&) -> bool = default;

  [[nodiscard]] static constexpr auto severity() noexcept -> entry::Severity { return entry::Severity::error; }
  // The code's name as in the enum: stable.
  [[nodiscard]] auto name() const noexcept -> std::string_view;
  [[nodiscard]] auto message() const noexcept HERMITAGE_LIFETIMEBOUND -> const std::string& { return text; }
};

template <class T>
using Result = std::expected<T, Error>;

[[nodiscard]] inline auto fail(ErrorCode code, std::string text) -> std::unexpected<Error> {
  return std::unexpected{Error{code, std::move(text)}};
}

// host_failed, with `what` and the description of the error number.
[[nodiscard]] auto system_failure(std::string_view what, int error_number) -> std::unexpected<Error>;

}  // namespace hermitage::vmm
