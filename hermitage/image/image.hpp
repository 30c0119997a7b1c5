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

// Limits of an image. The memory used is below unpacked_size plus a small multiple of path_size.
struct Limits {
  std::uint64_t unpacked_size = std::uint64_t{1} << 30;  // bytes of the unpacked archive
  std::uint64_t entries = entry::kMaxEntries;
  std::uint64_t path_size = std::uint64_t{32} << 20;  // bytes of all paths and link targets
};

// The files whose bytes are kept in memory: a loader needs only the kernel.
enum class Contents : std::uint8_t { all, kernel };

// Called from time to time with the number of packed bytes that have been read, and their total (0: unknown).
using Progress = std::function<void(std::uint64_t done, std::uint64_t total)>;

struct OpenOptions {
  Limits limits = {};
  Contents contents = Contents::all;
  Progress progress = {};
};

using entry::FileKind;

// The bytes of a regular file; hard links share them. Null for other kinds, and for files that are not kept.
using SharedBytes = std::shared_ptr<const std::byte[]>;

struct File {
  std::string path =
      {};  // relative to the root of the image, such as "etc/motd": without "." and "..", and without "/" at the ends
  FileKind kind = FileKind::regular;
  std::uint32_t mode = 0;        // permission bits, 0 to 0777
  std::uint64_t size = 0;        // of a regular file, in bytes
  std::string link_target = {};  // of a symbolic link: relative to its directory, never out of the image
  SharedBytes contents = {};

  [[nodiscard]] auto bytes() const noexcept HERMITAGE_LIFETIMEBOUND -> std::span<const std::byte> {
    return contents ? std::span{contents.get(), static_cast<std::size_t>(size)} : std::span<const std::byte>{};
  }
};

// A valid image: a configuration, the kernel that it names, and a tree of files. It owns all its data. Copies share the
// bytes of files. What a function returns refers to the image, so these functions do not accept a temporary image.
class Image {
 public:
  // `bytes` are the gzipped archive. A file is read in pieces, not into memory as a whole.
  [[nodiscard]] static auto open(std::span<const std::byte> bytes, const OpenOptions& options = {})
      -> std::expected<Image, Problem>;
  [[nodiscard]] static auto open(const std::filesystem::path& path, const OpenOptions& options = {})
      -> std::expected<Image, Problem>;
  // Reads an open descriptor from the beginning of its file, and does not close it; `path` is its name in problems.
  [[nodiscard]] static auto open(int descriptor, const std::filesystem::path& path, const OpenOptions& options = {})
      -> std::expected<Image, Problem>;

  [[nodiscard]] auto config() const& noexcept HERMITAGE_LIFETIMEBOUND -> const Config& { return config_; }
  void config() const&& = delete;

  // The file that the configuration names, after following links, and its bytes. It may not be a kernel.
  [[nodiscard]] auto kernel_file() const& noexcept HERMITAGE_LIFETIMEBOUND -> const File& { return files_[kernel_]; }
  void kernel_file() const&& = delete;
  [[nodiscard]] auto kernel() const& noexcept HERMITAGE_LIFETIMEBOUND -> std::span<const std::byte> {
    return kernel_file().bytes();
  }
  void kernel() const&& = delete;

  // All files, directories and links, including hermit.toml and the kernel, without the root. Sorted by the bytes of
  // their paths, so a directory precedes its contents; all parent directories are present.
  [[nodiscard]] auto files() const& noexcept HERMITAGE_LIFETIMEBOUND -> std::span<const File> { return files_; }
  void files() const&& = delete;

  // The file at a path, with or without a leading "/" or "./"; null if there is none, and for the root. `find` follows
  // no links; `resolve` follows all links, including those to directories on the path, and returns null for a dangling
  // link.
  [[nodiscard]] auto find(std::string_view path) const & HERMITAGE_LIFETIMEBOUND -> const File*;
  void find(std::string_view path) const&& = delete;
  [[nodiscard]] auto resolve(std::string_view path) const & HERMITAGE_LIFETIMEBOUND -> const File*;
  void resolve(std::string_view path) const&& = delete;

  // The size of the unpacked archive in bytes.
  [[nodiscard]] auto unpacked_size() const noexcept -> std::uint64_t { return unpacked_size_; }

  [[nodiscard]] auto warnings() const& noexcept HERMITAGE_LIFETIMEBOUND -> std::span<const Problem> {
    return warnings_;
  }
  void warnings() const&& = delete;

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
