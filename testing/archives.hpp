// Tar archives and Hermit images to test with: right ones, odd ones, wrong ones. Written byte by byte, so that they can
// be wrong in any way, and independently of the library's own writer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hermitage::testing {

struct TarEntry {
  std::string name;  // at most 100 bytes count
  std::string contents = {};
  char type = '0';          // '0' file, '1' hard link, '2' symbolic link, '3' device, '5' directory, '6' FIFO …
  std::string target = {};  // of a link
  std::uint32_t mode = 0644;
  std::optional<std::uint64_t> size = std::nullopt;  // instead of that of the contents
};

[[nodiscard]] auto tar(std::span<const TarEntry> entries) -> std::vector<std::byte>;
[[nodiscard]] auto gzip(std::span<const std::byte> bytes) -> std::vector<std::byte>;
[[nodiscard]] auto gunzip(std::span<const std::byte> bytes) -> std::vector<std::byte>;

// The smallest right configuration, of a kernel at /kernel.
inline constexpr std::string_view kMinimalConfig =
    "version = \"1\"\nkernel = \"/kernel\"\n[input]\nkernel_args = []\napp_args = []\n";

// A gzipped tar of these entries.
[[nodiscard]] auto packed(std::span<const TarEntry> entries) -> std::vector<std::byte>;

// That of a minimal configuration, `kernel`, and these entries.
[[nodiscard]] auto image_with(std::span<const TarEntry> entries, std::string_view kernel =
                                                                     "\x7f"
                                                                     "ELF") -> std::vector<std::byte>;

struct NamedArchive {
  std::string name;  // of letters, digits and '-'
  std::vector<std::byte> bytes;
};

// Images of every kind, right and wrong, for fuzzing to begin with.
[[nodiscard]] auto sample_archives() -> std::vector<NamedArchive>;

}  // namespace hermitage::testing
