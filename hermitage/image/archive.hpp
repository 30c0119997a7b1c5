// Reads a tar archive (ustar, GNU, pax) entry by entry, with libarchive.
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
#include "hermitage/image/unpacker.hpp"

namespace hermitage::image {

enum class EntryKind : std::uint8_t { regular, directory, symbolic_link, hard_link, fifo, device, other };

// An unchecked entry of the archive.
struct Entry {
  std::string name = {};
  EntryKind kind = EntryKind::regular;
  std::uint32_t mode = 0;        // permission bits, 0 to 0777
  std::uint64_t size = 0;        // bytes of a regular file
  std::string link_target = {};  // of a link
};

class ArchiveReader {
 public:
  // Reads a gzipped archive. The source must outlive the reader. Fails after limits.unpacked_size bytes.
  ArchiveReader(Source& source, const Limits& limits, Progress progress = {});
  // Reads an archive from another reader of unpacked bytes; `source` only provides the progress.
  ArchiveReader(Source& source, std::unique_ptr<Unpacker> unpacker, Progress progress = {});
  ArchiveReader(const ArchiveReader&) = delete;
  auto operator=(const ArchiveReader&) -> ArchiveReader& = delete;
  ~ArchiveReader();

  // Returns the next entry, or nothing at the end, after the whole archive has been checked.
  [[nodiscard]] auto next() -> std::expected<std::optional<Entry>, Problem>;

  // The first bytes of the current entry: all of them, or at least 512. Valid until the next call.
  [[nodiscard]] auto peek() -> std::expected<std::span<const std::byte>, Problem>;

  // The bytes of a regular file. Can be called once for each entry.
  [[nodiscard]] auto read(std::span<std::byte> contents) -> std::expected<void, Problem>;

  // The offset, in the unpacked archive, of the bytes of the current entry, of which none has been read.
  [[nodiscard]] auto offset_of_bytes() const -> std::uint64_t;

  // The number of unpacked bytes of the archive that have been read.
  [[nodiscard]] auto unpacked_size() const -> std::uint64_t;

 private:
  struct State;
  [[nodiscard]] auto next_block() -> std::expected<bool, Problem>;
  template <class Use>
  [[nodiscard]] auto read_blocks(Use use) -> std::expected<void, Problem>;
  [[nodiscard]] auto read_to_end() -> std::expected<void, Problem>;

  std::unique_ptr<State> state_;
};

// Reads the bytes of the current entry, a regular file, into memory.
[[nodiscard]] auto read_contents(ArchiveReader& reader, File& file) -> std::expected<void, Problem>;

}  // namespace hermitage::image
