// Access to the PCI configuration space: by ports on x86_64, otherwise in memory at an address from the device tree
// (ECAM).
#pragma once

#include <cstdint>
#include <optional>

namespace guest {

struct PciAddress {
  std::uint8_t bus = 0;
  std::uint8_t device = 0;    // below 32
  std::uint8_t function = 0;  // below 8
};

class PciHost {
 public:
  // Returns nothing if the machine has no PCI.
  [[nodiscard]] static auto find() -> std::optional<PciHost>;

  // The number of accessible buses, from 0 on.
  [[nodiscard]] auto buses() const -> unsigned { return buses_; }

  // Reads four aligned bytes. All bits are ones if the function does not exist.
  [[nodiscard]] auto read(PciAddress address, std::uint8_t offset) const -> std::uint32_t;
  void write(PciAddress address, std::uint8_t offset, std::uint32_t value) const;

  // Allocates a 32-bit address range of `size` bytes, a power of two, for a BAR. Returns 0 if no range is left.
  [[nodiscard]] auto allocate(std::uint64_t size) -> std::uint64_t;

 private:
  PciHost(std::uint64_t ecam, unsigned buses, std::uint64_t window, std::uint64_t window_end)
      : ecam_{ecam}, buses_{buses}, next_{window}, window_end_{window_end} {}

  std::uint64_t ecam_;
  unsigned buses_;
  std::uint64_t next_;
  std::uint64_t window_end_;
};

}  // namespace guest
