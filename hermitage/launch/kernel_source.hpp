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

namespace hermitage::launch {

// The largest file that is read into memory, in bytes.
inline constexpr std::size_t kMaxFileSize = std::size_t{1} << 30;

// Reads a whole file, or standard input for "-". The error is a sentence without the name of the file.
[[nodiscard]] auto read_file(const std::string& path) -> std::expected<std::vector<std::byte>, std::string>;

// Reads standard input to its end, and replaces it by an empty one. Returns a path at which this process and its
// children find the data, until this process exits. The error is a sentence.
[[nodiscard]] auto keep_standard_input() -> std::expected<std::string, std::string>;

// The format of a file that is neither a kernel nor an image, as a predicate: "is a tar archive, neither …".
[[nodiscard]] auto neither_kernel_nor_image(std::span<const std::byte> bytes) -> std::string;

// Why a file is not opened.
struct OpenError {
  enum class Code : std::uint8_t {
    system_call,  // `call` failed
    refused,      // the file cannot be read: its kind, or its size
  };

  Code code = Code::refused;
  std::string call = {};  // the name of the system call that failed; empty: none
  std::string text = {};  // one sentence without a full stop

  [[nodiscard]] static constexpr auto severity() noexcept -> entry::Severity { return entry::Severity::error; }
  // The code's name as in the enum: stable.
  [[nodiscard]] auto name() const noexcept -> std::string_view {
    return code == Code::system_call ? "system_call" : "refused";
  }
  // "CALL: TEXT"
  [[nodiscard]] auto message() const -> std::string { return call.empty() ? text : call + ": " + text; }
};

class KernelSource {
 public:
  enum class Kind : std::uint8_t { kernel, image, snapshot, neither };

  // Pipes and devices, which can be read only once, are either read into memory, or refused without waiting for a
  // writer.
  enum class Streams : std::uint8_t { read, refuse };

  // Opens a file, or standard input for "-". Regular files are not read yet, and may have any size.
  [[nodiscard]] static auto open(const std::string& path, Streams streams) -> std::expected<KernelSource, OpenError>;

  // Determined by the first eight bytes: an ELF file is treated as a kernel until it is parsed, gzip data as an image
  // until they are unpacked.
  [[nodiscard]] auto kind() const noexcept -> Kind { return kind_; }

  // The path that was opened.
  [[nodiscard]] auto path() const noexcept -> const std::string& { return path_; }

  // The size in bytes when the file was opened.
  [[nodiscard]] auto size() const noexcept -> std::uint64_t { return size_; }

  // The open file, whose offset is unspecified; -1 for a stream.
  [[nodiscard]] auto descriptor() const noexcept -> int { return file_.get(); }

  // A duplicate of the descriptor, owned by the caller. The error is a sentence about the failure of dup.
  [[nodiscard]] auto duplicate() const -> std::expected<base::Descriptor, std::string>;

  // All bytes; those of a stream are moved. The error is a sentence without the path: the file is too large, or a
  // system call failed. The file is read, not mapped, so that truncating it does not kill the program.
  [[nodiscard]] auto read() && -> std::expected<std::vector<std::byte>, std::string>;

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
