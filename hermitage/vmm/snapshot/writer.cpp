#include "hermitage/vmm/snapshot/writer.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include "hermitage/vmm/arch/arch.hpp"
#include "hermitage/vmm/snapshot/checksum.hpp"
#include "hermitage/vmm/snapshot/description.hpp"
#include "hermitage/vmm/snapshot/machine_number.hpp"
#include "hermitage/vmm/snapshot/tables.hpp"

namespace hermitage::vmm::snapshot {
namespace {

// Gaps of fewer pages do not end a run. If there are too many runs, the number is doubled.
constexpr std::uint64_t kLeastGap = 8;
// The largest size of one write, in bytes. It fits into the cache of a CPU, so that a piece is read once from memory.
constexpr std::size_t kWriteSize = std::size_t{1} << 20;
// The kernel begins to write to the disk after so many bytes.
constexpr std::uint64_t kFlushSize = std::uint64_t{4} << 20;
// The number of pages for which one read of the page map reports whether they exist.
constexpr std::uint64_t kPagesAtOnce = 1 << 14;

auto is_zero(std::span<const std::byte> page) -> bool {
  static constexpr std::array<std::byte, kPageSize> kZeros{};
  return std::memcmp(page.data(), kZeros.data(), kPageSize) == 0;
}

// Whether each of these pages of the memory can be other than zeros.
auto candidates(const GuestMemory& memory, const PageMap& pages, std::uint64_t first, std::uint64_t count)
    -> std::vector<bool> {
  auto result = pages.existing(memory.bytes().subspan(first * kPageSize, count * kPageSize));
  for (const auto& range : memory.file_ranges()) {
    const auto begin = (range.start.value - memory.base().value) / kPageSize;
    const auto end = (range.end.value - memory.base().value) / kPageSize;
    for (auto page = std::max(begin, first); page < std::min(end, first + count); ++page) result[page - first] = true;
  }
  return result;
}

void add_page(std::vector<MemoryRun>& runs, std::uint64_t page) {
  if (!runs.empty() && runs.back().first + runs.back().count == page) {
    ++runs.back().count;
  } else {
    runs.push_back({.first = page, .count = 1});
  }
}

auto merged(const std::vector<MemoryRun>& runs, std::uint64_t least_gap) -> std::vector<MemoryRun> {
  std::vector<MemoryRun> result;
  for (const auto& run : runs) {
    if (!result.empty() && run.first - (result.back().first + result.back().count) < least_gap) {
      result.back().count = run.first + run.count - result.back().first;
    } else {
      result.push_back(run);
    }
  }
  return result;
}

auto write_at(int file, std::uint64_t offset, std::span<const std::byte> bytes) -> Result<void> {
  while (!bytes.empty()) {
    const auto put = ::pwrite(file, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return system_failure("cannot write the snapshot: pwrite", errno);
    offset += static_cast<std::uint64_t>(put);
    bytes = bytes.subspan(static_cast<std::size_t>(put));
  }
  return {};
}

// The contents, one after the other.
class ContentWriter {
 public:
  ContentWriter(int file, std::uint64_t offset) : file_{file}, offset_{offset} {}

  [[nodiscard]] auto write(std::span<const std::byte> bytes) -> Result<void> {
    const auto whole = bytes.size() / kPageSize * kPageSize;
    if (auto written = write_pages(bytes.first(whole)); !written) return written;
    if (whole == bytes.size()) return {};
    std::array<std::byte, kPageSize> last{};
    std::ranges::copy(bytes.subspan(whole), last.begin());
    return write_pages(last);
  }

  [[nodiscard]] auto end() const -> std::uint64_t { return offset_; }
  [[nodiscard]] auto checksum() const -> std::uint64_t { return checksum_.value(); }

 private:
  auto write_pages(std::span<const std::byte> pages) -> Result<void> {
    while (!pages.empty()) {
      const auto piece = pages.first(std::min(pages.size(), kWriteSize));
      checksum_.add(piece);
      if (auto written = write_at(file_, offset_, piece); !written) return written;
      offset_ += piece.size();
      pages = pages.subspan(piece.size());
      if (offset_ - flushed_ >= kFlushSize) flush();
    }
    return {};
  }

  // The disk works while the rest is written, so that fsync(2) takes less time. An error will be that of fsync.
  void flush() {
    ::sync_file_range(file_, static_cast<off_t>(flushed_), static_cast<off_t>(offset_ - flushed_),
                      SYNC_FILE_RANGE_WRITE);
    flushed_ = offset_;
  }

  int file_;
  std::uint64_t offset_;
  std::uint64_t flushed_ = offset_;
  Checksum checksum_;
};

}  // namespace

auto runs_of(const GuestMemory& memory, const PageMap& pages) -> std::vector<MemoryRun> {
  std::vector<MemoryRun> runs;
  const auto total = memory.size() / kPageSize;
  for (std::uint64_t first = 0; first < total; first += kPagesAtOnce) {
    const auto is_candidate = candidates(memory, pages, first, std::min(kPagesAtOnce, total - first));
    for (std::uint64_t i = 0; i < is_candidate.size(); ++i) {
      const auto page = first + i;
      if (is_candidate[i] && !is_zero(memory.bytes().subspan(page * kPageSize, kPageSize))) add_page(runs, page);
    }
  }
  for (auto gap = kLeastGap;; gap *= 2) {
    runs = merged(runs, gap);
    if (runs.size() <= kMaxRuns) return runs;
  }
}

auto write(int file, const MachineState& machine, const GuestMemory& memory, const PageMap& pages) -> Result<void> {
  const auto runs = runs_of(memory, pages);
  const auto description = describe(machine, runs);
  const auto tables = encode(machine, runs);
  const auto tables_end = kHeaderSize + rounded_to_page(description.size() + tables.size());
  if (tables_end - kHeaderSize > kMaxTables) {
    return fail(ErrorCode::configuration, "the guest has too many files or vCPUs for a snapshot");
  }
  ContentWriter contents{file, tables_end};
  for (const auto& run : runs) {
    const auto content = memory.bytes().subspan(run.first * kPageSize, run.count * kPageSize);
    if (auto written = contents.write(content); !written) return written;
  }
  for (const auto& node : machine.files.nodes) {
    if (auto written = contents.write(node.content); !written) return written;
  }
  if (auto written = contents.write(machine.kernel_file); !written) return written;
  Header header{.magic = {},
                .version = kVersion,
                .architecture = machine_number(arch::kArch),
                .file_size = contents.end(),
                .description_size = description.size(),
                .tables_size = tables.size(),
                .tables_checksum = 0,
                .contents_checksum = contents.checksum(),
                .header_checksum = 0};
  std::ranges::copy(kMagic, header.magic);
  std::vector<std::byte> head(tables_end);
  std::memcpy(head.data(), &header, sizeof header);
  std::ranges::copy(std::as_bytes(std::span{description}), head.begin() + kHeaderSize);
  std::ranges::copy(tables, head.begin() + static_cast<std::ptrdiff_t>(kHeaderSize + description.size()));
  seal(head);
  // The magic number is written last: a file that is not complete is not a snapshot.
  if (auto written = write_at(file, kHeaderSize, std::span{head}.subspan(kHeaderSize)); !written) return written;
  return write_at(file, 0, std::span{head}.first(kHeaderSize));
}

}  // namespace hermitage::vmm::snapshot
