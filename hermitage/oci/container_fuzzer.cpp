// Reads any bytes as config.json, and makes a Hermit container of it where that is possible.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "hermitage/oci/container.hpp"
#include "hermitage/oci/image/json.hpp"
#include "hermitage/oci/network.hpp"

extern "C" auto LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) -> int {  // NOLINT
  using namespace hermitage::oci;
  const auto config = parse_json({reinterpret_cast<const char*>(data), size});
  if (!config) return 0;
  const auto again = parse_json(to_text(*config));
  if (!again || to_text(*again) != to_text(*config)) __builtin_trap();
  const auto checked = plan_network(*config);
  if (!checked && checked.error().empty()) __builtin_trap();
  const HermitProgram program{.path = "/kernel", .init = "/init", .arguments = {"a"}};
  const auto made = make_hermit_container(*config, program, {.monitor = "/monitor", .root = "/root"});
  if (!made && made.error().empty()) __builtin_trap();
  if (!made) return 0;
  if (!is_hermit_container(*made, "/monitor") || kvm_descriptor_of(*made) != 3) __builtin_trap();
  if (!parse_json(to_text(*made))) __builtin_trap();
  return 0;
}
