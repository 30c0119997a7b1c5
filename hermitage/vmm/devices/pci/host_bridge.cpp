#include "hermitage/vmm/devices/pci/host_bridge.hpp"

#include <algorithm>

namespace hermitage::vmm::pci {

void HostBridge::read_config(std::size_t offset, std::span<std::byte> data) {
  const std::scoped_lock lock{mutex_};
  config_.read(offset, data);
}

void HostBridge::write_config(std::size_t offset, std::span<const std::byte> data) {
  const std::scoped_lock lock{mutex_};
  config_.write(offset, data);
}

auto HostBridge::bar_offset(std::uint64_t /*address*/, std::size_t /*size*/) const -> std::optional<std::size_t> {
  return std::nullopt;
}

void HostBridge::read_bar(std::size_t /*offset*/, std::span<std::byte> data) {
  std::ranges::fill(data, std::byte{0xff});
}

void HostBridge::write_bar(std::size_t /*offset*/, std::span<const std::byte> /*data*/) {}

}  // namespace hermitage::vmm::pci
