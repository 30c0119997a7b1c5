// Software breakpoints: instructions that replace instructions in the guest memory.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "hermitage/vmm/arch/arch.hpp"
#include "hermitage/vmm/memory/guest_memory.hpp"

namespace hermitage::vmm::debug {

// Precondition: the guest is stopped. Addresses are guest-virtual. They are translated once, when a breakpoint is
// inserted.
class Breakpoints {
 public:
  explicit Breakpoints(const GuestMemory& memory) noexcept : memory_{memory} {}

  // Returns false if the address is not mapped, or the instruction would cross a page. Keeps an existing breakpoint.
  [[nodiscard]] auto insert(arch::PagingState paging, std::uint64_t address) -> bool;
  // Returns false if there is no breakpoint.
  auto remove(std::uint64_t address) -> bool;
  void remove_all();
  [[nodiscard]] auto is_at(std::uint64_t address) const noexcept -> bool;

  // Restores the guest's instruction until put_back().
  void lift(std::uint64_t address);
  void put_back();

  // Accesses the memory as if there were no breakpoints. Precondition: the range is in the memory.
  void read(GuestAddress address, std::span<std::byte> bytes) const;
  void write(GuestAddress address, std::span<const std::byte> bytes);

 private:
  static constexpr std::size_t kSize = arch::kBreakpointInstruction.size();

  struct Breakpoint {
    std::uint64_t address;
    GuestAddress place;
    std::array<std::byte, kSize> original;
    bool is_lifted = false;
  };

  void restore(const Breakpoint& breakpoint) const;

  const GuestMemory& memory_;
  std::vector<Breakpoint> all_;
};

}  // namespace hermitage::vmm::debug
