#include "hermitage/vmm/memory/guest_memory.hpp"

#include <algorithm>
#include <cerrno>
#include <memory>
#include <utility>

#include <fmt/format.h>
#include <sys/mman.h>

#include "hermitage/base/page.hpp"

namespace hermitage::vmm {
namespace {

// If guest-physical and host addresses have the same offset in a huge page, the host can map one as the other.
constexpr std::size_t kHugePageSize = std::size_t{2} << 20;

}  // namespace

GuestMemory::GuestMemory(GuestAddress base, std::span<std::byte> bytes, std::span<std::byte> mapping) noexcept
    : base_{base}, bytes_{bytes}, mapping_{mapping} {}

GuestMemory::GuestMemory(GuestMemory&& other) noexcept
    : base_{other.base_},
      bytes_{std::exchange(other.bytes_, {})},
      mapping_{std::exchange(other.mapping_, {})},
      file_ranges_{std::move(other.file_ranges_)} {}

auto GuestMemory::operator=(GuestMemory&& other) noexcept -> GuestMemory& {
  std::swap(base_, other.base_);
  std::swap(bytes_, other.bytes_);
  std::swap(mapping_, other.mapping_);
  std::swap(file_ranges_, other.file_ranges_);
  return *this;
}

GuestMemory::~GuestMemory() {
  if (!mapping_.empty()) ::munmap(mapping_.data(), mapping_.size());
}

auto GuestMemory::allocate(GuestAddress base, std::uint64_t size, Options options) -> Result<GuestMemory> {
  const auto page_size = base::host_page_size();
  const auto alignment = options.huge_pages ? kHugePageSize : page_size;
  std::size_t mapping_size = 0;
  if (__builtin_add_overflow(size, alignment - page_size, &mapping_size)) {
    return fail(ErrorCode::configuration, fmt::format("a guest cannot have {} bytes of memory", size));
  }
  auto* const start =
      ::mmap(nullptr, mapping_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (start == MAP_FAILED)
    return system_failure(fmt::format("cannot allocate {} bytes of guest memory: mmap", size), errno);

  void* aligned = start;
  std::size_t space = mapping_size;
  std::align(alignment, size, aligned, space);
  GuestMemory memory{base, {static_cast<std::byte*>(aligned), size}, {static_cast<std::byte*>(start), mapping_size}};

  // A guest touches few, scattered pages. A host that uses huge pages by default, as many do, would use three times as
  // much memory for it.
  const int advice = options.huge_pages ? MADV_HUGEPAGE : MADV_NOHUGEPAGE;
  if (::madvise(aligned, size, advice) != 0 && options.huge_pages) {
    return system_failure("cannot use transparent huge pages: madvise(MADV_HUGEPAGE)", errno);
  }
  if (options.mergeable && ::madvise(aligned, size, MADV_MERGEABLE) != 0) {
    return system_failure("cannot merge pages: madvise(MADV_MERGEABLE)", errno);
  }
  // A core dump of the monitor does not need to contain the guest.
  ::madvise(aligned, size, MADV_DONTDUMP);
  return memory;
}

auto GuestMemory::read_text(GuestAddress address, std::size_t limit) const -> std::optional<std::string> {
  const auto start = span(address, 0);
  if (!start) return std::nullopt;
  const auto available = static_cast<std::size_t>(bytes_.data() + bytes_.size() - start->data());
  // Search in the copy, not in memory that can change between the search and the copy.
  std::string text{reinterpret_cast<const char*>(start->data()), std::min(limit, available)};
  const auto length = text.find('\0');
  if (length == std::string::npos) return std::nullopt;
  text.resize(length);
  return text;
}

auto GuestMemory::map_file(GuestAddress address, std::uint64_t size, int descriptor, std::uint64_t file_offset) const
    -> bool {
  const auto target = span(address, size);
  if (!target || ::mmap(target->data(), size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, descriptor,
                        static_cast<off_t>(file_offset)) == MAP_FAILED) {
    return false;
  }
  file_ranges_.push_back({address, address + size});
  return true;
}

void GuestMemory::populate(GuestRange range) const noexcept {
  const auto offset_mask = base::host_page_size() - 1;
  const auto start = range.start.value & ~offset_mask;
  const auto end = (range.end.value + offset_mask) & ~offset_mask;
  const auto pages = span({start}, end - start);
  if (pages) ::madvise(pages->data(), pages->size(), MADV_POPULATE_WRITE);
}

}  // namespace hermitage::vmm
