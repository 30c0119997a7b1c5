// Decodes any bytes as the boot info of any guest. An encoded result must decode to the same value.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "hermitage/entry/boot_info.hpp"

namespace {

using namespace hermitage::entry;

void check(const RawBootInfoBytes& raw, Arch arch, Endian endian) {
  const auto info = BootInfo::decode(raw, arch, endian);
  if (!info) {
    if (info.error().name() == "unknown" || info.error().message().view().empty()) __builtin_trap();
    return;
  }
  const auto encoded = info->encode(arch, endian);
  if (!encoded) __builtin_trap();
  const auto decoded = BootInfo::decode(*encoded, arch, endian);
  if (!decoded || *decoded != *info) __builtin_trap();
  // The encoding of a decoded value is canonical.
  if (decoded->encode(arch, endian) != *encoded) __builtin_trap();
}

}  // namespace

extern "C" auto LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) -> int {  // NOLINT
  constexpr Arch kArches[] = {Arch::x86_64, Arch::aarch64, Arch::riscv64};
  if (size == 0) return 0;
  const auto arch = kArches[data[0] % std::size(kArches)];
  const auto endian = (data[0] & 0x80) == 0 ? Endian::little : Endian::big;
  RawBootInfoBytes raw{};
  const auto bytes = std::as_bytes(std::span{data, size}).subspan(1);
  std::ranges::copy(bytes.first(std::min(bytes.size(), raw.size())), raw.begin());
  check(raw, arch, endian);
  return 0;
}
