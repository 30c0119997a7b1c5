// The format of a snapshot's file. All numbers are little-endian.
//
//   0        the header, 4096 bytes: see Header; the rest is zeros
//   4096     the description: JSON, for users and other programs. Nothing is restored from it
//            the tables: everything that is restored, except for contents
//            zeros, up to a multiple of 4096
//   …        the contents: the runs of memory pages, then the files of the guest, then the kernel's file, each from a
//            multiple of 4096, and the rest of its last page is zeros
//
// Pages of memory that are in no run are zeros. A checksum in the header covers the header itself, one covers the
// description and the tables, and one covers the contents. Reading checks the first two, and Snapshot::verify() the
// third: contents are mapped, and most of them may never be read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace hermitage::vmm::snapshot {

inline constexpr std::string_view kMagic = "HERMSNAP";
inline constexpr std::uint32_t kVersion = 1;
inline constexpr std::size_t kPageSize = 4096;
inline constexpr std::size_t kHeaderSize = kPageSize;

// The limits of a file, which a reader enforces.
inline constexpr std::uint64_t kMaxTables = std::uint64_t{256} << 20;  // bytes, with the description
inline constexpr std::uint32_t kMaxRuns = 4096;                        // each becomes one mapping of the process
inline constexpr std::uint32_t kMaxVcpus = 4096;
inline constexpr std::uint32_t kMaxParts = 64;
inline constexpr std::uint32_t kMaxNodes = 1 << 20;
inline constexpr std::uint32_t kMaxStrings = 1 << 16;                    // in one list
inline constexpr std::uint64_t kMaxKernelFile = std::uint64_t{1} << 30;  // bytes
inline constexpr std::uint64_t kMaxMemory = std::uint64_t{64} << 40;     // bytes

struct Header {
  char magic[8];
  std::uint32_t version;
  std::uint32_t architecture;  // the e_machine of its ELF files
  std::uint64_t file_size;     // bytes
  std::uint64_t description_size;
  std::uint64_t tables_size;
  std::uint64_t tables_checksum;    // of everything between the header and the contents
  std::uint64_t contents_checksum;  // of everything from the contents on
  std::uint64_t header_checksum;    // of the header, with 0 here
};
static_assert(sizeof(Header) == 64);

// Consecutive pages of the memory.
struct MemoryRun {
  std::uint64_t first = 0;  // index of the page in the memory
  std::uint64_t count = 0;

  friend auto operator==(const MemoryRun&, const MemoryRun&) -> bool = default;
};

[[nodiscard]] constexpr auto rounded_to_page(std::uint64_t size) noexcept -> std::uint64_t {
  return (size + kPageSize - 1) / kPageSize * kPageSize;
}

// Writes the checksums of the description, the tables and the header into the start of a file, which contains all
// three. For writers, and for tests that change a file.
void seal(std::span<std::byte> head) noexcept;

}  // namespace hermitage::vmm::snapshot
