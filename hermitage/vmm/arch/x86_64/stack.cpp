#include "hermitage/vmm/arch/x86_64/stack.hpp"

#include <cstring>

namespace hermitage::vmm::x86_64 {
namespace {

constexpr auto kCallNear = std::byte{0xe8};
constexpr std::size_t kCallNearSize = 5;
constexpr auto kIndirect = std::byte{0xff};
constexpr unsigned kIndirectCall = 2;  // the second field of ModRM

// The size of an instruction with one opcode byte and this ModRM byte, without an immediate: Intel SDM 2, 2.1.5.
auto size_with_modrm(unsigned modrm, unsigned sib) noexcept -> std::size_t {
  constexpr unsigned kHasSib = 4;
  constexpr unsigned kNoBase = 5;
  const auto mode = modrm >> 6;
  const auto base = modrm & 7;
  if (mode == 3) return 2;
  const bool has_sib = base == kHasSib;
  const std::size_t size = has_sib ? 3 : 2;
  if (mode == 1) return size + 1;
  if (mode == 2) return size + 4;
  return (has_sib ? sib & 7 : base) == kNoBase ? size + 4 : size;
}

// Whether `code` is one indirect call.
auto is_indirect_call(std::span<const std::byte> code) noexcept -> bool {
  const auto modrm = std::to_integer<unsigned>(code[1]);
  if (code[0] != kIndirect || (modrm >> 3 & 7) != kIndirectCall) return false;
  return size_with_modrm(modrm, code.size() > 2 ? std::to_integer<unsigned>(code[2]) : 0) == code.size();
}

}  // namespace

auto call_at_end(std::span<const std::byte> code) noexcept -> Call {
  if (code.size() >= kCallNearSize && code[code.size() - kCallNearSize] == kCallNear) {
    Call call{.kind = Call::Kind::direct};
    std::memcpy(&call.distance, code.last(sizeof call.distance).data(), sizeof call.distance);
    return call;
  }
  for (std::size_t size = 2; size <= code.size() && size <= kMaxCallSize; ++size) {
    if (is_indirect_call(code.last(size))) return {.kind = Call::Kind::indirect};
  }
  return {};
}

}  // namespace hermitage::vmm::x86_64
