// A directory of a test's own.
#pragma once

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <system_error>

#include <stdlib.h>  // NOLINT(modernize-deprecated-headers): mkdtemp

namespace hermitage::testing {

// Gone, with all that is in it, at the end.
class TemporaryDirectory {
 public:
  TemporaryDirectory() : path_{(std::filesystem::temp_directory_path() / "hermitage-test-XXXXXX").string()} {
    if (::mkdtemp(path_.data()) == nullptr) throw std::system_error{errno, std::generic_category(), path_};
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  auto operator=(const TemporaryDirectory&) -> TemporaryDirectory& = delete;
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  [[nodiscard]] auto path() const -> const std::string& { return path_; }
  [[nodiscard]] auto file(std::string_view name) const -> std::string { return path_ + "/" + std::string{name}; }

  // Makes a file; returns its path.
  auto write(std::string_view name, std::string_view content) const -> std::string {
    std::ofstream{file(name), std::ios::binary} << content;
    return file(name);
  }

  [[nodiscard]] auto is_empty() const -> bool { return std::filesystem::is_empty(path_); }

 private:
  std::string path_;
};

}  // namespace hermitage::testing
