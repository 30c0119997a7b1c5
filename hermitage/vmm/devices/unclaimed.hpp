// Devices for addresses without another device.
#pragma once

#include "hermitage/vmm/bus/device.hpp"
#include "hermitage/vmm/warnings.hpp"

namespace hermitage::vmm {

// Ports: reads return ones, as on a floating bus, and writes have no effect. Both cause a warning.
class UnclaimedPorts final : public Device {
 public:
  explicit UnclaimedPorts(Warnings& warnings) noexcept : warnings_{warnings} {}

  [[nodiscard]] auto read(const Access& access, std::span<std::byte> data) -> AccessOutcome override;
  [[nodiscard]] auto write(const Access& access, std::span<const std::byte> data) -> AccessOutcome override;
  [[nodiscard]] auto name_of(std::uint64_t address, bool is_write) const noexcept -> const char* override;

 private:
  Warnings& warnings_;
};

// Memory: the kernel has a fault, and the access ends the guest.
class UnclaimedMemory final : public Device {
 public:
  [[nodiscard]] auto read(const Access& access, std::span<std::byte> data) -> AccessOutcome override;
  [[nodiscard]] auto write(const Access& access, std::span<const std::byte> data) -> AccessOutcome override;
  [[nodiscard]] auto name_of(std::uint64_t address, bool is_write) const noexcept -> const char* override;
};

}  // namespace hermitage::vmm
