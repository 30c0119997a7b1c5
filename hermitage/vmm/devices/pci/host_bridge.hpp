// The function that shows a guest that a PCI bus exists.
#pragma once

#include <mutex>

#include "hermitage/vmm/devices/pci/config_space.hpp"
#include "hermitage/vmm/devices/pci/function.hpp"

namespace hermitage::vmm::pci {

// It has only an identity.
class HostBridge final : public Function {
 public:
  void read_config(std::size_t offset, std::span<std::byte> data) override;
  void write_config(std::size_t offset, std::span<const std::byte> data) override;
  [[nodiscard]] auto bar_offset(std::uint64_t address, std::size_t size) const -> std::optional<std::size_t> override;
  void read_bar(std::size_t offset, std::span<std::byte> data) override;
  void write_bar(std::size_t offset, std::span<const std::byte> data) override;

 private:
  std::mutex mutex_;  // of config_
  // Identity and class of Intel's device for virtual machines, as in Cloud Hypervisor.
  ConfigSpace config_{{.vendor = 0x8086, .device = 0x0d57, .revision = 0, .class_code = 0x060000}};
};

}  // namespace hermitage::vmm::pci
