#include "hermitage/vmm/arch/aarch64/stack.hpp"

#include <cstring>

namespace hermitage::vmm::aarch64 {
namespace {

// Arm Architecture Reference Manual, C6.2: BL and BLR.
constexpr std::uint32_t kDirectMask = 0xfc00'0000;
constexpr std::uint32_t kDirect = 0x9400'0000;
constexpr std::uint32_t kIndirectMask = 0xffff'fc1f;
constexpr std::uint32_t kIndirect = 0xd63f'0000;

// The signed 26 bits of BL count instructions from its own address.
auto distance_of(std::uint32_t instruction) noexcept -> std::int32_t {
  constexpr unsigned kUnusedBits = 6;
  constexpr auto kSize = static_cast<std::int32_t>(kMaxCallSize);
  const auto count = static_cast<std::int32_t>(instruction << kUnusedBits) >> kUnusedBits;
  return count * kSize - kSize;
}

}  // namespace

auto call_at_end(std::span<const std::byte> code) noexcept -> Call {
  std::uint32_t instruction = 0;
  if (code.size() < sizeof instruction) return {};
  std::memcpy(&instruction, code.last(sizeof instruction).data(), sizeof instruction);
  if ((instruction & kDirectMask) == kDirect) return {.kind = Call::Kind::direct, .distance = distance_of(instruction)};
  if ((instruction & kIndirectMask) == kIndirect) return {.kind = Call::Kind::indirect};
  return {};
}

}  // namespace hermitage::vmm::aarch64
