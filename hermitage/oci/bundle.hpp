// A bundle of the OCI runtime specification: a directory with config.json.
#pragma once

#include <cstddef>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "hermitage/oci/command_line.hpp"
#include "hermitage/oci/image/json.hpp"

namespace hermitage::oci {

class Bundle {
 public:
  // The largest configuration that is read. A bundle with a larger one is passed on without changes. Typical
  // configurations have 10 KiB.
  static constexpr std::size_t kMaxSize = std::size_t{16} << 20;  // bytes

  // The bundle that `create` or `run` names. Nothing if its configuration cannot be read: the runtime below reports
  // why.
  [[nodiscard]] static auto read(const CommandLine& line) -> std::optional<Bundle>;

  [[nodiscard]] auto config() const noexcept -> const Json& { return config_; }

  // The path of the root file system on the host, absolute; empty if the configuration names none.
  [[nodiscard]] auto root() const -> std::string;

  // Replaces the configuration by renaming a new file with the same mode and owner. The error is a sentence.
  [[nodiscard]] auto replace(const Json& config) const -> std::expected<void, std::string>;

 private:
  // In braces, a Json would become an array with one element.
  Bundle(std::string directory, std::string path, Json config)
      : directory_{std::move(directory)}, path_{std::move(path)}, config_(std::move(config)) {}

  std::string directory_;  // absolute
  std::string path_;       // of config.json
  Json config_;
};

}  // namespace hermitage::oci
