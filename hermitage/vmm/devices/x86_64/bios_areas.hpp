// The areas in which kernels look for the tables of a multiprocessor PC. There are no tables: the areas read as zeros.
#pragma once

#include <array>

#include "hermitage/vmm/bus/bus.hpp"
#include "hermitage/vmm/bus/device.hpp"
#include "hermitage/vmm/memory/guest_memory.hpp"

namespace hermitage::vmm::x86_64 {

// Intel MultiProcessor Specification 1.4, 4.1: the last KiB of base memory, and the BIOS.
class BiosAreas final : public Device {
 public:
  static constexpr std::array kRanges{GuestRange{{0x9'f000}, {0xa'0000}}, GuestRange{{0xf'0000}, {0x10'0000}}};

  // `unclaimed` handles writes.
  explicit BiosAreas(Device& unclaimed) noexcept : unclaimed_{unclaimed} {}

  [[nodiscard]] auto add_to(Bus& memory) -> bool;

  [[nodiscard]] auto read(const Access& access, std::span<std::byte> data) -> AccessOutcome override;
  [[nodiscard]] auto write(const Access& access, std::span<const std::byte> data) -> AccessOutcome override;
  [[nodiscard]] auto name_of(std::uint64_t address, bool is_write) const noexcept -> const char* override;

 private:
  Device& unclaimed_;
};

}  // namespace hermitage::vmm::x86_64
