// Why a machine cannot be made or started.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

namespace hermitage::vmm {

enum class ErrorCode : std::uint8_t {
  configuration,   // what is asked for contradicts itself, or the image
  image,           // not something that this monitor can run
  kvm_missing,     // the host offers no KVM
  kvm_permission,  // it does, but not to this user
  kvm_failed,      // a KVM call failed
  host_failed,     // another system call failed: no memory, no file, no thread
};

struct Error {
  ErrorCode code;
  // One sentence for a person, without a full stop: what went wrong, and what to do where that is known.
  std::string message;

  friend auto operator==(const Error&, const Error&) -> bool = default;
};

template <class T>
using Result = std::expected<T, Error>;

[[nodiscard]] inline auto fail(ErrorCode code, std::string message) -> std::unexpected<Error> {
  return std::unexpected{Error{code, std::move(message)}};
}

// host_failed, with `what` and the words for the system's error number.
[[nodiscard]] auto system_failure(std::string_view what, int error_number) -> std::unexpected<Error>;

}  // namespace hermitage::vmm
