// Why a guest is not started.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

#include "hermitage/entry/problem.hpp"

namespace hermitage::launch {

struct Failure {
  enum class Code : std::uint8_t {
    usage,        // the options are wrong, or not supported
    not_started,  // the host, the kernel or the image is the reason
  };

  Code code = Code::not_started;
  std::string subject = {};     // usually a file; may be empty
  std::string text = {};        // one sentence without a full stop
  bool is_the_engines = false;  // another engine may be able to run the guest

  [[nodiscard]] static constexpr auto severity() noexcept -> entry::Severity { return entry::Severity::error; }
  // The code's name as in the enum: stable.
  [[nodiscard]] auto name() const noexcept -> std::string_view { return code == Code::usage ? "usage" : "not_started"; }
  // "SUBJECT: TEXT"
  [[nodiscard]] auto message() const -> std::string { return subject.empty() ? text : subject + ": " + text; }
};

template <class T>
using OrFailure = std::expected<T, Failure>;

[[nodiscard]] inline auto wrong_usage(std::string text) -> std::unexpected<Failure> {
  return std::unexpected{Failure{.code = Failure::Code::usage, .subject = {}, .text = std::move(text)}};
}

[[nodiscard]] inline auto not_started(std::string subject, std::string text) -> std::unexpected<Failure> {
  return std::unexpected{Failure{.subject = std::move(subject), .text = std::move(text)}};
}

}  // namespace hermitage::launch
