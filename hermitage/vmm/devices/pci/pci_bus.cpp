#include "hermitage/vmm/devices/pci/pci_bus.hpp"

#include <linux/pci.h>

#include <algorithm>

namespace hermitage::vmm::pci {

void PciBus::add(Function& function) noexcept {
  functions_[0] = &host_bridge_;
  functions_[kFunctionSlot] = &function;
}

auto PciBus::function_of(std::uint16_t id) const noexcept -> Function* {
  const bool is_there = id >> 8 == 0 && PCI_FUNC(id) == 0;
  return is_there ? functions_[PCI_SLOT(id)] : nullptr;
}

void PciBus::read_config(std::uint16_t id, std::size_t offset, std::span<std::byte> data) const {
  if (auto* const function = function_of(id)) return function->read_config(offset, data);
  std::ranges::fill(data, std::byte{0xff});
}

void PciBus::write_config(std::uint16_t id, std::size_t offset, std::span<const std::byte> data) const {
  if (auto* const function = function_of(id)) function->write_config(offset, data);
}

auto PciBus::read(const Access& access, std::span<std::byte> data) -> AccessOutcome {
  for (auto* const function : functions_) {
    if (function == nullptr) continue;
    const auto offset = function->bar_offset(access.address, data.size());
    if (!offset) continue;
    function->read_bar(*offset, data);
    return Resume{};
  }
  return unclaimed_.read(access, data);
}

auto PciBus::write(const Access& access, std::span<const std::byte> data) -> AccessOutcome {
  for (auto* const function : functions_) {
    if (function == nullptr) continue;
    const auto offset = function->bar_offset(access.address, data.size());
    if (!offset) continue;
    function->write_bar(*offset, data);
    return Resume{};
  }
  return unclaimed_.write(access, data);
}

auto PciBus::name_of(std::uint64_t /*address*/, bool is_write) const noexcept -> const char* {
  return is_write ? "device write" : "device read";
}

}  // namespace hermitage::vmm::pci
