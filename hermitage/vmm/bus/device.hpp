// A device handles the accesses of vCPUs to a range of a bus.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <variant>

#include "hermitage/vmm/arch/arch.hpp"

namespace hermitage::vmm {

// How the guest continues after an access.
struct Resume {};
struct GuestExit {
  std::int32_t code = 0;
};
struct GuestFault {
  std::string reason;  // what the guest did, as a sentence without a full stop: "it reads 4 bytes at …"
};
using AccessOutcome = std::variant<Resume, GuestExit, GuestFault>;

class HypercallLog;  // hermitage/vmm/hypercalls/hypercall_log.hpp

// The vCPU that makes an access, as devices see it.
class Initiator {
 public:
  Initiator() = default;
  Initiator(const Initiator&) = delete;
  auto operator=(const Initiator&) -> Initiator& = delete;

  // The register in which a hypercall of interface 2 or 3 passes its argument.
  [[nodiscard]] virtual auto hypercall_argument() const noexcept -> std::uint64_t = 0;
  [[nodiscard]] virtual auto paging() const noexcept -> arch::PagingState = 0;
  // Only the thread of this vCPU writes to it. Null: no log.
  [[nodiscard]] virtual auto hypercall_log() const noexcept -> HypercallLog* { return nullptr; }

 protected:
  ~Initiator() = default;
};

struct Access {
  std::uint64_t address;  // on the bus
  // Null for a write that KVM has collected: the vCPU has continued since.
  const Initiator* vcpu = nullptr;
};

// Any vCPU's thread can call any function at any time. `data` has 1 to 8 bytes: KVM splits an access to memory that
// crosses a page.
class Device {
 public:
  Device() = default;
  Device(const Device&) = delete;
  auto operator=(const Device&) -> Device& = delete;
  virtual ~Device() = default;

  [[nodiscard]] virtual auto read(const Access& access, std::span<std::byte> data) -> AccessOutcome = 0;
  [[nodiscard]] virtual auto write(const Access& access, std::span<const std::byte> data) -> AccessOutcome = 0;

  // The name of such an access in statistics, a string literal.
  [[nodiscard]] virtual auto name_of(std::uint64_t address, bool is_write) const noexcept -> const char* = 0;
};

}  // namespace hermitage::vmm
