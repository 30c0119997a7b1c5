// Why a guest is not started.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <utility>

namespace hermitage::launch {

struct Failure {
  enum class Kind : std::uint8_t {
    usage,        // the options are wrong, or not supported
    not_started,  // the host, the kernel or the image is the reason
  };

  Kind kind = Kind::not_started;
  std::string subject = {};     // usually a file; may be empty
  std::string message = {};     // one sentence without a full stop
  bool is_the_engines = false;  // another engine may be able to run the guest
};

template <class T>
using OrFailure = std::expected<T, Failure>;

[[nodiscard]] inline auto wrong_usage(std::string message) -> std::unexpected<Failure> {
  return std::unexpected{Failure{.kind = Failure::Kind::usage, .subject = {}, .message = std::move(message)}};
}

[[nodiscard]] inline auto not_started(std::string subject, std::string message) -> std::unexpected<Failure> {
  return std::unexpected{Failure{.subject = std::move(subject), .message = std::move(message)}};
}

}  // namespace hermitage::launch
