// Writes a reproducible tar archive: without times, owners, or data about the machine.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "hermitage/image/image.hpp"

namespace hermitage::image {

// Consumes bytes of the archive. Returns false to stop.
using Sink = std::function<bool(std::span<const std::byte>)>;

// `stored`: gzip data that contain the bytes as they are. `none`: the tar archive alone.
enum class Compression : std::uint8_t { gzip, stored, none };

// Writes POSIX.1-1988 (ustar) headers, which every tar reads. A POSIX.1-2001 (pax) header precedes an entry that does
// not fit into one. Every function returns the result of the sink.
class TarWriter {
 public:
  explicit TarWriter(Sink sink, Compression compression = Compression::gzip);
  TarWriter(const TarWriter&) = delete;
  auto operator=(const TarWriter&) -> TarWriter& = delete;
  ~TarWriter();

  // The header of a file. For a regular one, exactly `size` bytes must follow.
  [[nodiscard]] auto add(const File& file) -> bool;
  [[nodiscard]] auto write(std::span<const std::byte> bytes) -> bool;
  // A hard link to a file at another path, which was added before. No bytes follow.
  [[nodiscard]] auto add_hard_link(const File& file, const std::string& target) -> bool;
  // Ends the bytes of a file.
  [[nodiscard]] auto pad() -> bool;
  // Ends the archive.
  [[nodiscard]] auto finish() -> bool;

  // The number of unpacked bytes of the archive that have been written.
  [[nodiscard]] auto unpacked_size() const -> std::uint64_t;

 private:
  struct State;
  [[nodiscard]] auto add(const File& file, char type, std::uint64_t size, const std::string& target) -> bool;
  [[nodiscard]] auto compress(std::span<const std::byte> bytes, int flush) -> bool;
  [[nodiscard]] auto write_header(const std::string& name, char type, std::uint32_t mode, std::uint64_t size,
                                  const std::string& link_target) -> bool;
  [[nodiscard]] auto write_pax_header(const std::string& records) -> bool;

  std::unique_ptr<State> state_;
};

}  // namespace hermitage::image
