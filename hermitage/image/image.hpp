// Packed Hermit images: a gzipped tar archive with a kernel, its configuration and its files.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "hermitage/entry/image_path.hpp"
#include "hermitage/image/config.hpp"
#include "hermitage/image/problem.hpp"

namespace hermitage::image {

class Source;

// What an image may take. Memory stays below unpacked_size, and a small multiple of path_size.
struct Limits {
  std::uint64_t unpacked_size = std::uint64_t{1} << 30;  // bytes of the archive, without gzip
  std::uint64_t entries = entry::kMaxEntries;
  std::uint64_t path_size = std::uint64_t{32} << 20;  // bytes of all paths and link targets
};

// Whose bytes an opened image holds: a loader that wants but the kernel need not have the rest in memory.
enum class Contents : std::uint8_t { all, kernel };

// Told now and then how many of the image's bytes, gzipped, have been read, and how many there are (0: not known).
using Progress = std::function<void(std::uint64_t done, std::uint64_t total)>;

struct OpenOptions {
  Limits limits = {};
  Contents contents = Contents::all;
  Progress progress = {};
};

using entry::FileKind;

// The bytes of a regular file; hard links share them. Null for other kinds, and for what was not to be held.
using SharedBytes = std::shared_ptr<const std::byte[]>;

struct File {
  std::string path = {};  // from the root of the image, as in "etc/motd": no "." and "..", no "/" at either end
  FileKind kind = FileKind::regular;
  std::uint32_t mode = 0;        // permission bits, 0 to 0777
  std::uint64_t size = 0;        // of a regular file, in bytes
  std::string link_target = {};  // of a symbolic link: relative to its directory, never out of the image
  SharedBytes contents = {};

  [[nodiscard]] auto bytes() const noexcept -> std::span<const std::byte> {
    return contents ? std::span{contents.get(), static_cast<std::size_t>(size)} : std::span<const std::byte>{};
  }
};

// An image that was read whole and found right: a configuration, the kernel it names, and a tree of files. Everything
// is a copy of its own. Can be moved and copied; copies share the files' bytes.
class Image {
 public:
  // `bytes` are the gzipped archive; a file is read as far as it goes, never whole into memory.
  [[nodiscard]] static auto open(std::span<const std::byte> bytes, const OpenOptions& options = {})
      -> std::expected<Image, Problem>;
  [[nodiscard]] static auto open(const std::filesystem::path& path, const OpenOptions& options = {})
      -> std::expected<Image, Problem>;
  // A file that is open, and stays so, from its beginning; `path` is its name in problems.
  [[nodiscard]] static auto open(int descriptor, const std::filesystem::path& path, const OpenOptions& options = {})
      -> std::expected<Image, Problem>;

  [[nodiscard]] auto config() const noexcept -> const Config& { return config_; }

  // The file that the configuration names, links followed, and its bytes. Whether it is a kernel is another question.
  [[nodiscard]] auto kernel_file() const noexcept -> const File& { return files_[kernel_]; }
  [[nodiscard]] auto kernel() const noexcept -> std::span<const std::byte> { return kernel_file().bytes(); }

  // Every file, directory and link but the root, hermit.toml and the kernel too. Sorted by path, byte by byte, so that
  // a directory comes before what is in it; each has its directory.
  [[nodiscard]] auto files() const noexcept -> std::span<const File> { return files_; }

  // What is at a path, written with or without "/" or "./" before it; null when there is nothing, and for the root.
  // `find` follows no link; `resolve` follows all, those to directories on the way, too, and gives null where a link
  // leads nowhere.
  [[nodiscard]] auto find(std::string_view path) const -> const File*;
  [[nodiscard]] auto resolve(std::string_view path) const -> const File*;

  // How many bytes the archive has without gzip.
  [[nodiscard]] auto unpacked_size() const noexcept -> std::uint64_t { return unpacked_size_; }

  [[nodiscard]] auto warnings() const noexcept -> std::span<const Problem> { return warnings_; }

 private:
  Image() = default;

  [[nodiscard]] static auto open(Source& source, const OpenOptions& options) -> std::expected<Image, Problem>;

  Config config_;
  std::vector<File> files_;
  std::size_t kernel_ = 0;
  std::uint64_t unpacked_size_ = 0;
  std::vector<Problem> warnings_;
};

}  // namespace hermitage::image
