#include "hermitage/vmm/devices/pci/config_space.hpp"

#include <linux/pci_regs.h>

#include <algorithm>

namespace hermitage::vmm::pci {
namespace {

constexpr std::size_t kAlignment = 4;  // of capabilities
constexpr std::uint64_t kBarFlags = PCI_BASE_ADDRESS_SPACE_MEMORY | PCI_BASE_ADDRESS_MEM_TYPE_64;

constexpr auto bar_offset(unsigned bar) -> std::size_t {
  return PCI_BASE_ADDRESS_0 + std::size_t{bar} * sizeof(std::uint32_t);
}

}  // namespace

ConfigSpace::ConfigSpace(const Identity& identity) noexcept {
  set<std::uint16_t>(PCI_VENDOR_ID, identity.vendor);
  set<std::uint16_t>(PCI_DEVICE_ID, identity.device);
  set<std::uint32_t>(PCI_CLASS_REVISION, identity.class_code << 8 | identity.revision);
  set<std::uint16_t>(PCI_SUBSYSTEM_VENDOR_ID, identity.subsystem_vendor);
  set<std::uint16_t>(PCI_SUBSYSTEM_ID, identity.subsystem);
  set<std::uint16_t>(PCI_COMMAND, PCI_COMMAND_MEMORY,
                     PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_INTX_DISABLE);
  set<std::uint8_t>(PCI_CACHE_LINE_SIZE, 0, 0xff);
}

void ConfigSpace::set_bar64(unsigned bar, std::uint64_t address, std::uint64_t size) noexcept {
  set<std::uint64_t>(bar_offset(bar), address | kBarFlags, ~(size - 1));
}

auto ConfigSpace::bar64(unsigned bar) const noexcept -> std::uint64_t {
  return get<std::uint64_t>(bar_offset(bar)) & PCI_BASE_ADDRESS_MEM_MASK;
}

auto ConfigSpace::add_capability(std::uint8_t id, std::span<const std::byte> rest) noexcept -> std::size_t {
  const auto offset = end_;
  set<std::uint8_t>(last_link_, static_cast<std::uint8_t>(offset));
  set<std::uint8_t>(offset + PCI_CAP_LIST_ID, id);
  last_link_ = offset + PCI_CAP_LIST_NEXT;
  std::ranges::copy(rest, values_.begin() + static_cast<std::ptrdiff_t>(offset + 2));
  end_ = (offset + 2 + rest.size() + kAlignment - 1) / kAlignment * kAlignment;
  set<std::uint16_t>(PCI_STATUS, PCI_STATUS_CAP_LIST);
  return offset;
}

void ConfigSpace::read(std::size_t offset, std::span<std::byte> data) const noexcept {
  for (auto& byte : data) {
    byte = offset < kSize ? values_[offset] : std::byte{0xff};
    ++offset;
  }
}

void ConfigSpace::write(std::size_t offset, std::span<const std::byte> data) noexcept {
  for (const auto byte : data) {
    if (offset >= kSize) return;
    values_[offset] = (values_[offset] & ~writable_[offset]) | (byte & writable_[offset]);
    ++offset;
  }
}

}  // namespace hermitage::vmm::pci
