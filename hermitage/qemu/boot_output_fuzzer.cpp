// Takes any output, whole and byte by byte: what is the guest's is the same, and nothing comes before the handover.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "hermitage/qemu/boot_output.hpp"

namespace {

using hermitage::qemu::BootOutput;

auto output_of(std::string_view bytes, std::size_t piece, bool has_log) -> std::string {
  BootOutput boot_output{{.handover = "c0ffee", .has_log = has_log}};
  std::string output;
  for (; !bytes.empty(); bytes.remove_prefix(std::min(piece, bytes.size()))) {
    output += boot_output.take(bytes.substr(0, piece));
  }
  output += boot_output.finish();
  if (!boot_output.has_handed_over() && !has_log && !output.empty()) __builtin_trap();
  return output;
}

}  // namespace

extern "C" auto LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) -> int {  // NOLINT
  const std::string_view bytes{reinterpret_cast<const char*>(data), size};
  for (const bool has_log : {false, true}) {
    if (output_of(bytes, 1, has_log) != output_of(bytes, size + 1, has_log)) __builtin_trap();
  }
  const auto guest = std::string{"[LOADER][HANDOVER] c0ffee\n"} + std::string{bytes};
  if (output_of(guest, 1, false) != bytes) __builtin_trap();
  return 0;
}
