// The file to run: a kernel, or a packed image that contains one. Only this class opens the file, once, and decides
// which of the two it is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <vector>

#include "hermitage/base/descriptor.hpp"
#include "hermitage/image/image.hpp"
#include "hermitage/launch/file_error.hpp"

namespace hermitage::launch {

// The largest file that is read into memory, in bytes.
inline constexpr std::size_t kMaxFileSize = std::size_t{1} << 30;

// Reads a whole file, or standard input for "-".
[[nodiscard]] auto read_file(const std::string& path) -> OrFileError<std::vector<std::byte>>;

// Reads standard input to its end, and replaces it by an empty one. Returns a path at which this process and its
// children find the data, until this process exits.
[[nodiscard]] auto keep_standard_input() -> OrFileError<std::string>;

// The format of a file that is neither a kernel nor an image, as a predicate: "is a tar archive, neither …".
[[nodiscard]] auto neither_kernel_nor_image(std::span<const std::byte> bytes) -> std::string;

class KernelSource {
 public:
  enum class Kind : std::uint8_t { kernel, image, snapshot, neither };

  // Pipes and devices, which can be read only once, are either read into memory, or refused without waiting for a
  // writer.
  enum class Streams : std::uint8_t { read, refuse };

  // Opens a file, or standard input for "-". Regular files are not read yet, and may have any size.
  [[nodiscard]] static auto open(const std::string& path, Streams streams) -> OrFileError<KernelSource>;

  // Determined by the first eight bytes: an ELF file is treated as a kernel until it is parsed, gzip data as an image
  // until they are unpacked.
  [[nodiscard]] auto kind() const noexcept -> Kind { return kind_; }

  // The path that was opened.
  [[nodiscard]] auto path() const noexcept HERMITAGE_LIFETIMEBOUND -> const std::string& { return path_; }

  // The size in bytes when the file was opened.
  [[nodiscard]] auto size() const noexcept -> std::uint64_t { return size_; }

  // The open file, whose offset is unspecified; -1 for a stream.
  [[nodiscard]] auto descriptor() const noexcept -> int { return file_.get(); }

  // A duplicate of the descriptor, owned by the caller.
  [[nodiscard]] auto duplicate() const -> OrFileError<base::Descriptor>;

  // All bytes; those of a stream are moved. Refused above kMaxFileSize. The file is read, not mapped, so that
  // truncating it does not kill the program.
  [[nodiscard]] auto read() && -> OrFileError<std::vector<std::byte>>;

  // Reads and unpacks an image in pieces.
  [[nodiscard]] auto open_image(const image::OpenOptions& options) const -> std::expected<image::Image, image::Problem>;

 private:
  KernelSource() = default;

  std::string path_;
  Kind kind_ = Kind::neither;
  std::uint64_t size_ = 0;
  base::Descriptor file_;          // of a regular file
  std::vector<std::byte> stream_;  // contents of a stream
};

}  // namespace hermitage::launch
