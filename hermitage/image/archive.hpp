// Reads a gzipped tar archive, entry by entry: ustar, GNU and pax, by libarchive.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "hermitage/image/image.hpp"
#include "hermitage/image/problem.hpp"
#include "hermitage/image/source.hpp"

namespace hermitage::image {

enum class EntryKind : std::uint8_t { regular, directory, symbolic_link, hard_link, fifo, device, other };

// An entry as it stands in the archive. Nothing about its names has been checked.
struct Entry {
  std::string name = {};
  EntryKind kind = EntryKind::regular;
  std::uint32_t mode = 0;        // permission bits, 0 to 0777
  std::uint64_t size = 0;        // bytes of a regular file
  std::string link_target = {};  // of a link
};

class ArchiveReader {
 public:
  // The source must stay. Fails behind limits.unpacked_size bytes.
  ArchiveReader(Source& source, const Limits& limits, Progress progress = {});
  ArchiveReader(const ArchiveReader&) = delete;
  auto operator=(const ArchiveReader&) -> ArchiveReader& = delete;
  ~ArchiveReader();

  // The next entry; nothing at the end, when all has been read and found whole.
  [[nodiscard]] auto next() -> std::expected<std::optional<Entry>, Problem>;

  // Some bytes at the beginning of the entry that next() gave: all, or at least 512. Until the next call.
  [[nodiscard]] auto peek() -> std::expected<std::span<const std::byte>, Problem>;

  // The bytes of a regular file, as many as it has. Once for each entry.
  [[nodiscard]] auto read(std::span<std::byte> contents) -> std::expected<void, Problem>;

  // How many bytes of the archive, without gzip, have been read.
  [[nodiscard]] auto unpacked_size() const -> std::uint64_t;

 private:
  struct State;
  [[nodiscard]] auto next_block() -> std::expected<bool, Problem>;
  template <class Use>
  [[nodiscard]] auto read_blocks(Use use) -> std::expected<void, Problem>;
  [[nodiscard]] auto read_to_end() -> std::expected<void, Problem>;

  std::unique_ptr<State> state_;
};

}  // namespace hermitage::image
