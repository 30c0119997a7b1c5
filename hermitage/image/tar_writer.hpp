// Writes a gzipped tar archive that is the same for the same input: no times, no owners, nothing of the machine.
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

// Takes bytes of the archive, and says whether it goes on.
using Sink = std::function<bool(std::span<const std::byte>)>;

// POSIX.1-1988 (ustar) headers, which every tar reads; before an entry that does not fit in one, a POSIX.1-2001 (pax)
// header with what does not. Every function answers as the sink did.
class TarWriter {
 public:
  explicit TarWriter(Sink sink);
  TarWriter(const TarWriter&) = delete;
  auto operator=(const TarWriter&) -> TarWriter& = delete;
  ~TarWriter();

  // The header of a file. For a regular one, exactly `size` bytes must follow.
  [[nodiscard]] auto add(const File& file) -> bool;
  [[nodiscard]] auto write(std::span<const std::byte> bytes) -> bool;
  // Ends the bytes of a file.
  [[nodiscard]] auto pad() -> bool;
  // Ends the archive.
  [[nodiscard]] auto finish() -> bool;

  // How many bytes of the archive, without gzip, have been written.
  [[nodiscard]] auto unpacked_size() const -> std::uint64_t;

 private:
  struct State;
  [[nodiscard]] auto compress(std::span<const std::byte> bytes, int flush) -> bool;
  [[nodiscard]] auto write_header(const std::string& name, char type, std::uint32_t mode, std::uint64_t size,
                                  const std::string& link_target) -> bool;
  [[nodiscard]] auto write_pax_header(const std::string& records) -> bool;

  std::unique_ptr<State> state_;
};

}  // namespace hermitage::image
