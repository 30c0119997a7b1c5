#include "hermitage/vmm/snapshot/snapshot.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hermitage/vmm/arch/arch.hpp"
#include "hermitage/vmm/snapshot/checksum.hpp"
#include "hermitage/vmm/snapshot/description.hpp"
#include "hermitage/vmm/snapshot/machine_number.hpp"

namespace hermitage::vmm::snapshot {
namespace {

constexpr std::size_t kReadSize = std::size_t{1} << 20;

auto refused(std::string message) -> std::unexpected<Error> {
  return fail(ErrorCode::image, std::move(message));
}

// Reads exactly this many bytes.
auto read_at(const Descriptor& file, std::uint64_t offset, std::span<std::byte> bytes) -> Result<void> {
  while (!bytes.empty()) {
    const auto got = ::pread(file.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_failure("pread", errno);
    if (got == 0) return fail(ErrorCode::host_failed, "was truncated while it was being read");
    offset += static_cast<std::uint64_t>(got);
    bytes = bytes.subspan(static_cast<std::size_t>(got));
  }
  return {};
}

auto header_of(std::span<const std::byte> bytes) -> Header {
  Header header;
  std::memcpy(&header, bytes.data(), sizeof header);
  return header;
}

auto has_right_checksum(std::span<const std::byte> page) -> bool {
  std::array<std::byte, kHeaderSize> copy{};
  std::ranges::copy(page.first(kHeaderSize), copy.begin());
  auto header = header_of(copy);
  const auto expected = std::exchange(header.header_checksum, 0);
  std::memcpy(copy.data(), &header, sizeof header);
  return checksum_of(copy) == expected;
}

// The largest file of a guest that is read, in bytes.
constexpr auto kMaxRead = kMaxKernelFile;

// A whole file of the guest, or the kernel's: mapped, or read.
auto content_of(const Descriptor& file, std::uint64_t offset, std::uint64_t size, bool is_mapped)
    -> Result<std::shared_ptr<const std::byte[]>> {
  if (size == 0) return std::shared_ptr<const std::byte[]>{};
  if (is_mapped) {
    auto* const start = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.get(), static_cast<off_t>(offset));
    if (start == MAP_FAILED) return system_failure("mmap", errno);
    return std::shared_ptr<const std::byte[]>{static_cast<const std::byte*>(start), [size](const std::byte* bytes) {
                                                ::munmap(const_cast<std::byte*>(bytes), size);
                                              }};
  }
  if (size > kMaxRead) {
    return refused(
        fmt::format("has a file of {} MiB, which is only mapped from a snapshot that no other user can write; "
                    "chmod go-w",
                    size >> 20));
  }
  std::shared_ptr<std::byte[]> bytes = std::make_unique_for_overwrite<std::byte[]>(size);
  if (auto read = read_at(file, offset, {bytes.get(), size}); !read) return std::unexpected{read.error()};
  return bytes;
}

}  // namespace

auto is_snapshot(std::span<const std::byte> start) noexcept -> bool {
  return start.size() >= kMagic.size() && std::memcmp(start.data(), kMagic.data(), kMagic.size()) == 0;
}

auto head_size(std::span<const std::byte> bytes, std::uint64_t file_size) -> Result<std::uint64_t> {
  if (!is_snapshot(bytes)) return refused("is not a snapshot");
  if (bytes.size() < kHeaderSize || file_size < kHeaderSize) return refused("is a truncated snapshot");
  const auto header = header_of(bytes);
  if (header.version != kVersion) {
    return refused(
        fmt::format("is a snapshot of version {}; this program supports version {}", header.version, kVersion));
  }
  if (!has_right_checksum(bytes)) return refused("is a damaged snapshot: the header has a wrong checksum");
  if (header.architecture != machine_number(arch::kArch)) {
    return refused(fmt::format("is a snapshot of a guest for {}; this program runs guests for {}",
                               machine_name(header.architecture), machine_name(machine_number(arch::kArch))));
  }
  if (header.file_size != file_size) {
    return refused(fmt::format("is a {} snapshot: it has {} bytes, and its header states {}",
                               file_size < header.file_size ? "truncated" : "damaged", file_size, header.file_size));
  }
  const auto sizes_fit = header.description_size <= kMaxTables && header.tables_size <= kMaxTables;
  const auto size = sizes_fit ? rounded_to_page(header.description_size + header.tables_size) : 0;
  if (!sizes_fit || size > kMaxTables || size > file_size - kHeaderSize) {
    return refused("is a damaged snapshot: the size of its tables is wrong");
  }
  return kHeaderSize + size;
}

auto parse(std::span<const std::byte> head, std::uint64_t file_size) -> Result<Parsed> {
  const auto size = head_size(head, file_size);
  if (!size) return std::unexpected{size.error()};
  if (head.size() < *size) return refused("is a truncated snapshot");
  const auto header = header_of(head);
  const auto body = head.first(*size).subspan(kHeaderSize);
  if (checksum_of(body) != header.tables_checksum) {
    return refused("is a damaged snapshot: the tables have a wrong checksum");
  }
  const auto is_zero = [](std::byte byte) { return byte == std::byte{}; };
  if (!std::ranges::all_of(head.first(kHeaderSize).subspan(sizeof header), is_zero) ||
      !std::ranges::all_of(body.subspan(header.description_size + header.tables_size), is_zero)) {
    return refused("is a damaged snapshot: there are data between its parts");
  }
  auto tables = decode(body.subspan(header.description_size, header.tables_size));
  if (!tables) return std::unexpected{tables.error()};
  std::uint64_t contents = 0;
  for (const auto& run : tables->runs) contents += run.count * kPageSize;
  for (const auto bytes : tables->content_sizes) contents += rounded_to_page(bytes);
  contents += rounded_to_page(tables->kernel_file_size);
  if (contents != file_size - *size) return refused("is a damaged snapshot: the size of its contents is wrong");
  return Parsed{.tables = *std::move(tables), .contents_start = *size, .contents_checksum = header.contents_checksum};
}

Snapshot::Snapshot(Descriptor file, std::uint64_t file_size, Contents contents, Parsed parsed) noexcept
    : file_{std::move(file)}, file_size_{file_size}, contents_{contents}, parsed_{std::move(parsed)} {}

auto Snapshot::open(Descriptor file, Contents contents) -> Result<Snapshot> {
  struct stat status{};
  if (::fstat(file.get(), &status) != 0) return system_failure("fstat", errno);
  if (!S_ISREG(status.st_mode)) return fail(ErrorCode::host_failed, "is not a regular file");
  if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0) contents = Contents::read;
  const auto size = static_cast<std::uint64_t>(status.st_size);
  std::vector<std::byte> head(std::min<std::uint64_t>(size, kHeaderSize));
  if (auto read = read_at(file, 0, head); !read) return std::unexpected{read.error()};
  const auto whole = head_size(head, size);
  if (!whole) return std::unexpected{whole.error()};
  head.resize(*whole);
  if (auto read = read_at(file, kHeaderSize, std::span{head}.subspan(kHeaderSize)); !read) {
    return std::unexpected{read.error()};
  }
  auto parsed = parse(head, size);
  if (!parsed) return std::unexpected{parsed.error()};
  return Snapshot{std::move(file), size, contents, *std::move(parsed)};
}

auto Snapshot::open(const std::string& path) -> Result<Snapshot> {
  Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (!file.is_open()) return system_failure(fmt::format("{}: open", path), errno);
  auto opened = open(std::move(file));
  if (!opened) return fail(opened.error().code, fmt::format("{}: {}", path, opened.error().message()));
  return opened;
}

auto Snapshot::description() const -> std::string {
  return describe(machine(), parsed_.tables.runs);
}

auto Snapshot::saved_memory() const noexcept -> std::uint64_t {
  std::uint64_t pages = 0;
  for (const auto& run : parsed_.tables.runs) pages += run.count;
  return pages * kPageSize;
}

auto Snapshot::load_memory(const GuestMemory& memory) const -> Result<void> {
  auto offset = parsed_.contents_start;
  for (const auto& run : parsed_.tables.runs) {
    const auto address = memory.base() + run.first * kPageSize;
    const auto size = run.count * kPageSize;
    const auto target = memory.span(address, size);
    if (!target) return fail(ErrorCode::image, "the snapshot does not fit into the memory of its guest");
    if (contents_ == Contents::read) {
      if (auto read = read_at(file_, offset, *target); !read) return read;
    } else if (!memory.map_file(address, size, file_.get(), offset)) {
      return system_failure("cannot map the memory of the guest: mmap", errno);
    }
    offset += size;
  }
  return {};
}

auto Snapshot::files() const -> Result<SavedFiles> {
  auto files = machine().files;
  auto offset = parsed_.contents_start + saved_memory();
  for (std::size_t i = 0; i < files.nodes.size(); ++i) {
    const auto size = parsed_.tables.content_sizes[i];
    auto content = content_of(file_, offset, size, contents_ == Contents::mapped);
    if (!content) return std::unexpected{content.error()};
    files.nodes[i].content = {content->get(), size};
    files.nodes[i].owner = *std::move(content);
    offset += rounded_to_page(size);
  }
  return files;
}

auto Snapshot::kernel_file() const -> Result<SavedKernel> {
  auto offset = parsed_.contents_start + saved_memory();
  for (const auto size : parsed_.tables.content_sizes) offset += rounded_to_page(size);
  const auto size = parsed_.tables.kernel_file_size;
  auto content = content_of(file_, offset, size, contents_ == Contents::mapped);
  if (!content) return std::unexpected{content.error()};
  return SavedKernel{.bytes = {content->get(), size}, .owner = *content};
}

auto Snapshot::verify() const -> Result<void> {
  std::vector<std::byte> piece(kReadSize);
  Checksum checksum;
  for (auto offset = parsed_.contents_start; offset < file_size_;) {
    const auto part = std::span{piece}.first(std::min<std::uint64_t>(kReadSize, file_size_ - offset));
    if (auto read = read_at(file_, offset, part); !read) return read;
    checksum.add(part);
    offset += part.size();
  }
  if (checksum.value() == parsed_.contents_checksum) return {};
  return refused("is a damaged snapshot: the contents have a wrong checksum");
}

}  // namespace hermitage::vmm::snapshot
