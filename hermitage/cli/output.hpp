// Writes results and errors.
#pragma once

#include <cstddef>
#include <expected>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace hermitage::cli {

// Writes a string to standard output. The error is the reason of a failure.
[[nodiscard]] auto print(std::string_view text) -> std::expected<void, std::string>;

// Replaces a file, or writes to standard output for "-". The error is the reason of a failure.
[[nodiscard]] auto write_file(const std::string& path, std::span<const std::byte> bytes)
    -> std::expected<void, std::string>;
[[nodiscard]] auto write_file(const std::string& path, std::string_view text) -> std::expected<void, std::string>;

// A file that is opened before isolation, and written later. Replaces a file, or writes to standard output for "-". The
// errors are reasons of failures.
class LateFile {
 public:
  [[nodiscard]] static auto open(const std::string& path) -> std::expected<LateFile, std::string>;

  LateFile(LateFile&& other) noexcept : descriptor_{std::exchange(other.descriptor_, -1)} {}
  auto operator=(LateFile&& other) noexcept -> LateFile& {
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }
  ~LateFile();

  [[nodiscard]] auto write(std::string_view text) -> std::expected<void, std::string>;

 private:
  explicit LateFile(int descriptor) noexcept : descriptor_{descriptor} {}

  int descriptor_;
};

// Writes a string to standard error, and ignores failures. Waits for a slow reader until hurry_errors() was called.
void print_error(std::string_view text);

// From now on, writes to standard error wait for at most 0.1 seconds in total, and then drop their output. Only the
// first call has an effect. Any thread and any signal handler may call it. A thread that already waits notices it when
// a signal interrupts it.
void hurry_errors() noexcept;

// Prints "hermitage: SUBJECT: MESSAGE" on standard error. The subject, usually a file, may be empty.
void complain(std::string_view subject, std::string_view message);

// "hermitage: warning: LINE"
void warn(std::string_view line);

// Prints that a file cannot be loaded, and why.
void complain_of(std::string_view file, std::string_view problem);

}  // namespace hermitage::cli
