// The registers of a crashed vCPU, for users.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "hermitage/vmm/arch/aarch64/vcpu_state.hpp"

namespace hermitage::vmm::aarch64 {

inline constexpr std::string_view kProgramCounterName = "pc";

// Whether these are not the registers of the crash, because the CPU has reset them.
[[nodiscard]] auto are_reset(const Registers& registers) noexcept -> bool;

// All registers but the program counter as lines. Without `all`, only the most useful ones.
[[nodiscard]] auto register_text(const Registers& registers, bool all) -> std::string;

// The last one is the program counter. The others are missing: unwind information of aarch64 is not read.
[[nodiscard]] auto frame_registers(const Registers& registers) noexcept -> std::array<std::optional<std::uint64_t>, 17>;

}  // namespace hermitage::vmm::aarch64
