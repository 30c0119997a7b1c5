// The settings of hermitage-oci: /etc/hermitage/oci.toml.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>

namespace hermitage::oci {

struct Settings {
  std::string runtime = "runc";  // the runtime below: a path, or a name in PATH
  std::string monitor = {};      // the path of the program `hermitage`; empty: beside this program

  friend auto operator==(const Settings&, const Settings&) -> bool = default;
};

// The default file of the settings. (Engines do not pass environment variables to a runtime.)
inline constexpr const char* kSettingsFile = "/etc/hermitage/oci.toml";

// Parses settings. `file` is the name in errors, which are sentences: malformed TOML, an unknown key, a wrong type, or
// a monitor that is not an absolute path.
[[nodiscard]] auto parse_settings(std::string_view toml, const std::string& file)
    -> std::expected<Settings, std::string>;

// Reads the file that the environment variable HERMITAGE_OCI_CONFIG names, or else kSettingsFile. Without that file,
// the settings are the defaults.
[[nodiscard]] auto read_settings() -> std::expected<Settings, std::string>;

// Returns a path unchanged. For a name, finds the program in PATH, and then in the usual directories of system
// programs: engines can have a short PATH.
[[nodiscard]] auto find_system_program(const std::string& name) -> std::optional<std::string>;

// The path of the monitor on the host, which is executable. The error is a sentence.
[[nodiscard]] auto monitor_path(const Settings& settings) -> std::expected<std::string, std::string>;

// The path of the runtime, which is executable and is not this program. Looks also in the usual directories of system
// programs. The error is a sentence.
[[nodiscard]] auto runtime_path(const Settings& settings) -> std::expected<std::string, std::string>;

}  // namespace hermitage::oci
