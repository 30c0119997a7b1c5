// Why a file is not opened, read or written.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

#include "hermitage/entry/problem.hpp"

namespace hermitage::launch {

struct FileError {
  enum class Code : std::uint8_t {
    system_call,  // `call` failed
    refused,      // the file is of the wrong kind, or too large
  };

  Code code = Code::refused;
  std::string call = {};  // begins with the name of the system call that failed; empty: none
  std::string text = {};  // one sentence without the path and without a full stop

  [[nodiscard]] static constexpr auto severity() noexcept -> entry::Severity { return entry::Severity::error; }
  // The code's name as in the enum: stable.
  [[nodiscard]] auto name() const noexcept -> std::string_view {
    return code == Code::system_call ? "system_call" : "refused";
  }
  // "CALL: TEXT"
  [[nodiscard]] auto message() const -> std::string { return call.empty() ? text : call + ": " + text; }
};

template <class T>
using OrFileError = std::expected<T, FileError>;

[[nodiscard]] inline auto refused(std::string text) -> std::unexpected<FileError> {
  return std::unexpected{FileError{.text = std::move(text)}};
}

// `call` failed with an error number.
[[nodiscard]] auto call_failed(std::string call, int error_number) -> std::unexpected<FileError>;

}  // namespace hermitage::launch
