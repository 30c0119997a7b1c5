#include "hermitage/vmm/devices/x86_64/absent_pci.hpp"

#include <algorithm>

#include "hermitage/entry/bytes.hpp"

namespace hermitage::vmm::x86_64 {

auto AbsentPci::read(const Access& access, std::span<std::byte> data) -> AccessOutcome {
  if (access.address == kAddressPort && data.size() == sizeof(std::uint32_t)) {
    entry::write<std::uint32_t, entry::Endian::little>(data, 0, address_.load());
  } else {
    std::ranges::fill(data, std::byte{0xff});
  }
  return Resume{};
}

auto AbsentPci::write(const Access& access, std::span<const std::byte> data) -> AccessOutcome {
  if (access.address == kAddressPort && data.size() == sizeof(std::uint32_t)) {
    address_ = entry::read<std::uint32_t, entry::Endian::little>(data, 0);
  }
  return Resume{};
}

auto AbsentPci::name_of(std::uint64_t /*address*/, bool is_write) const noexcept -> const char* {
  return is_write ? "pci write" : "pci read";
}

}  // namespace hermitage::vmm::x86_64
