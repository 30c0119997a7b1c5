// The file with what is to be run: a kernel, or a packed image with one in it. It is opened once, and only here it is
// decided which of the two it is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <vector>

#include "hermitage/base/descriptor.hpp"
#include "hermitage/image/image.hpp"

namespace hermitage::launch {

// The largest file that is read into memory, in bytes.
inline constexpr std::size_t kMaxFileSize = std::size_t{1} << 30;

// The whole file, or standard input for "-". The error is a sentence without the file's name.
[[nodiscard]] auto read_file(const std::string& path) -> std::expected<std::vector<std::byte>, std::string>;

// Reads standard input to its end, and leaves an empty one. Gives a path at which this process, and those that it
// starts, find what was read, until it ends. The error is a sentence.
[[nodiscard]] auto keep_standard_input() -> std::expected<std::string, std::string>;

// What a file with these bytes is, one that is neither a kernel nor an image, as the predicate of a sentence about it.
[[nodiscard]] auto neither_kernel_nor_image(std::span<const std::byte> bytes) -> std::string;

class KernelSource {
 public:
  enum class Kind : std::uint8_t { kernel, image, neither };

  // Pipes and devices, which can be read only once: held in memory as a whole, or an error, without waiting for a
  // writer.
  enum class Streams : std::uint8_t { read, refuse };

  struct OpenError {
    std::string call;  // the system call that failed; empty: none did
    std::string text;

    // "CALL: TEXT"
    [[nodiscard]] auto message() const -> std::string { return call.empty() ? text : call + ": " + text; }
  };

  // Opens a file, or standard input for "-". Regular files are not read yet, and may be of any size.
  [[nodiscard]] static auto open(const std::string& path, Streams streams) -> std::expected<KernelSource, OpenError>;

  // By the first four bytes: an ELF file is a kernel until it is parsed, gzip data are an image until they are
  // unpacked.
  [[nodiscard]] auto kind() const noexcept -> Kind { return kind_; }

  // What it was opened by.
  [[nodiscard]] auto path() const noexcept -> const std::string& { return path_; }

  // In bytes, when it was opened.
  [[nodiscard]] auto size() const noexcept -> std::uint64_t { return size_; }

  // The open file, of whose position nobody may rely on; -1 of a stream.
  [[nodiscard]] auto descriptor() const noexcept -> int { return file_.get(); }

  // A descriptor of the same open file for somebody else to keep. The error is a sentence about dup's failure.
  [[nodiscard]] auto duplicate() const -> std::expected<base::Descriptor, std::string>;

  // All bytes; those of a stream are moved. The error is a sentence without the path: the file is too large, or a
  // system call failed. The file is read and not mapped, so that one that shrinks does not kill the program.
  [[nodiscard]] auto read() && -> std::expected<std::vector<std::byte>, std::string>;

  // Reads and unpacks an image in pieces.
  [[nodiscard]] auto open_image(const image::OpenOptions& options) const -> std::expected<image::Image, image::Problem>;

 private:
  KernelSource() = default;

  std::string path_;
  Kind kind_ = Kind::neither;
  std::uint64_t size_ = 0;
  base::Descriptor file_;          // of a regular file
  std::vector<std::byte> stream_;  // what a stream had
};

}  // namespace hermitage::launch
