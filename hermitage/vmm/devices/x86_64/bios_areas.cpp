#include "hermitage/vmm/devices/x86_64/bios_areas.hpp"

#include <algorithm>

namespace hermitage::vmm::x86_64 {

auto BiosAreas::add_to(Bus& memory) -> bool {
  return std::ranges::all_of(kRanges, [&](const GuestRange& range) {
    return memory.add(range.start.value, range.end.value - range.start.value, *this);
  });
}

auto BiosAreas::read(const Access& /*access*/, std::span<std::byte> data) -> AccessOutcome {
  std::ranges::fill(data, std::byte{});
  return Resume{};
}

auto BiosAreas::write(const Access& access, std::span<const std::byte> data) -> AccessOutcome {
  return unclaimed_.write(access, data);
}

auto BiosAreas::name_of(std::uint64_t address, bool is_write) const noexcept -> const char* {
  return unclaimed_.name_of(address, is_write);
}

}  // namespace hermitage::vmm::x86_64
