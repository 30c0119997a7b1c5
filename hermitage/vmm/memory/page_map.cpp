#include "hermitage/vmm/memory/page_map.hpp"

#include <cerrno>
#include <cstdint>

#include <fcntl.h>
#include <unistd.h>

#include "hermitage/base/page.hpp"

namespace hermitage::vmm {
namespace {

// The bits of an entry (Linux, Documentation/admin-guide/mm/pagemap.rst).
constexpr std::uint64_t kIsPresent = std::uint64_t{1} << 63;
constexpr std::uint64_t kIsSwappedOut = std::uint64_t{1} << 62;

}  // namespace

auto PageMap::open() noexcept -> PageMap {
  return PageMap{Descriptor{::open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC)}};
}

auto PageMap::existing(std::span<const std::byte> pages) const -> std::vector<bool> {
  const auto page_size = base::host_page_size();
  const auto begin = reinterpret_cast<std::uintptr_t>(pages.data());
  std::vector<bool> result(pages.size() / kPageSize, true);
  if (!file_.is_open() || result.empty()) return result;
  const auto first = begin / page_size;
  const auto count = (begin + pages.size() - 1) / page_size - first + 1;
  std::vector<std::uint64_t> entries(count);
  for (std::size_t done = 0; done < count;) {
    const auto got = ::pread(file_.get(), entries.data() + done, (count - done) * sizeof(std::uint64_t),
                             static_cast<off_t>((first + done) * sizeof(std::uint64_t)));
    if (got < 0 && errno == EINTR) continue;
    if (got < static_cast<ssize_t>(sizeof(std::uint64_t))) return result;
    done += static_cast<std::size_t>(got) / sizeof(std::uint64_t);
  }
  for (std::size_t page = 0; page < result.size(); ++page) {
    const auto entry = entries[(begin + page * kPageSize) / page_size - first];
    result[page] = (entry & (kIsPresent | kIsSwappedOut)) != 0;
  }
  return result;
}

}  // namespace hermitage::vmm
