// What answers where there is no device.
#pragma once

#include "hermitage/vmm/bus/device.hpp"
#include "hermitage/vmm/warnings.hpp"

namespace hermitage::vmm {

// Ports: the bus floats, so that all bits are set, and writes have no effect. A warning tells of it.
class UnclaimedPorts final : public Device {
 public:
  explicit UnclaimedPorts(Warnings& warnings) noexcept : warnings_{warnings} {}

  [[nodiscard]] auto read(const Access& access, std::span<std::byte> data) -> AccessOutcome override;
  [[nodiscard]] auto write(const Access& access, std::span<const std::byte> data) -> AccessOutcome override;
  [[nodiscard]] auto name_of(std::uint64_t address, bool is_write) const noexcept -> const char* override;

 private:
  Warnings& warnings_;
};

// Memory: a kernel that gets there has lost its way, and ends.
class UnclaimedMemory final : public Device {
 public:
  [[nodiscard]] auto read(const Access& access, std::span<std::byte> data) -> AccessOutcome override;
  [[nodiscard]] auto write(const Access& access, std::span<const std::byte> data) -> AccessOutcome override;
  [[nodiscard]] auto name_of(std::uint64_t address, bool is_write) const noexcept -> const char* override;
};

}  // namespace hermitage::vmm
