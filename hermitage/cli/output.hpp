// Writing results and errors.
#pragma once

#include <cstddef>
#include <expected>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "hermitage/inspect/report_text.hpp"

namespace hermitage::cli {

// Writes a text to standard output, whole. The error says why not.
[[nodiscard]] auto print(std::string_view text) -> std::expected<void, std::string>;

// Writes a file anew, or standard output for "-". The error says why not.
[[nodiscard]] auto write_file(const std::string& path, std::span<const std::byte> bytes)
    -> std::expected<void, std::string>;
[[nodiscard]] auto write_file(const std::string& path, std::string_view text) -> std::expected<void, std::string>;

// A file that is opened when files can be, and written when there is something to write; anew, or standard output for
// "-". The errors say why not.
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

// Writes a string to standard error, as far as that is possible. Waits for a slow reader, but not once hurry_errors()
// was called.
void print_error(std::string_view text);

// From now on, standard error waits for its reader for a tenth of a second in all, and then drops what it does not
// take. The first call counts. Any thread and any signal handler may call it. A thread that waits at this moment
// notices when a signal interrupts it.
void hurry_errors() noexcept;

// One line on standard error: "hermitage: SUBJECT: MESSAGE". The subject, a file most often, may be empty.
void complain(std::string_view subject, std::string_view message);

// "hermitage: warning: LINE"
void warn(std::string_view line);

// The line for a file that cannot be loaded, and why.
void complain_of(std::string_view file, std::string_view problem);

// Colour on a terminal, unless the user does not want it (NO_COLOR, TERM=dumb).
[[nodiscard]] auto colour_of_output() -> inspect::Colour;

}  // namespace hermitage::cli
