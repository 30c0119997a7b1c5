// A debugger's breakpoints in the guest's memory: instructions in the place of the guest's own.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "hermitage/vmm/arch/arch.hpp"
#include "hermitage/vmm/memory/guest_memory.hpp"

namespace hermitage::vmm::debug {

// For a guest that stands. Addresses are guest-virtual; where they lead is found out when a breakpoint is inserted.
class Breakpoints {
 public:
  explicit Breakpoints(const GuestMemory& memory) noexcept : memory_{memory} {}

  // False: there is no memory, or not enough of it in the page. One that is there already stays as it is.
  [[nodiscard]] auto insert(arch::PagingState paging, std::uint64_t address) -> bool;
  // False: there is none.
  auto remove(std::uint64_t address) -> bool;
  void remove_all();
  [[nodiscard]] auto is_at(std::uint64_t address) const noexcept -> bool;

  // The guest's own instruction is back, until put_back().
  void lift(std::uint64_t address);
  void put_back();

  // The guest's memory as it is without breakpoints. Precondition: the memory has it.
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
