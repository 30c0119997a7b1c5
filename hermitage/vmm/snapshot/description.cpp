#include "hermitage/vmm/snapshot/description.hpp"

#include <string_view>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "hermitage/vmm/arch/arch.hpp"
#include "hermitage/vmm/snapshot/machine_number.hpp"

namespace hermitage::vmm::snapshot {
namespace {

using Json = nlohmann::ordered_json;

auto hexadecimal(std::uint64_t number) -> std::string {
  return fmt::format("{:#x}", number);
}

auto describe_files(const SavedFiles& files) -> Json {
  auto mappings = Json::array();
  for (const auto& mapping : files.mappings) {
    mappings.push_back({{"guest", mapping.path}, {"read_only", mapping.is_read_only}});
  }
  auto open = Json::array();
  for (const auto& file : files.open) {
    open.push_back({{"descriptor", file.descriptor}, {"path", file.path}, {"offset", file.offset}});
  }
  return {{"mappings", std::move(mappings)}, {"in_the_snapshot", files.nodes.size()}, {"open", std::move(open)}};
}

}  // namespace

auto describe(const MachineState& machine, std::span<const MemoryRun> runs) -> std::string {
  std::uint64_t pages = 0;
  for (const auto& run : runs) pages += run.count;
  const auto& memory = machine.memory;
  const Json result{
      {"format", "hermitage snapshot"},
      {"version", kVersion},
      {"architecture", machine_name(machine_number(arch::kArch))},
      {"image", machine.image},
      {"saved_at", machine.saved_at / 1'000'000'000},
      {"arguments", machine.arguments.application},
      {"kernel_arguments", machine.arguments.kernel},
      {"environment", machine.arguments.environment},
      {"uhyve_interface", machine.interface.value},
      {"vcpus", machine.vcpus.size()},
      {"memory",
       {{"start", hexadecimal(memory.start.value)},
        {"size", memory.end.value - memory.start.value},
        {"saved", pages * kPageSize}}},
      {"kernel", {{"start", hexadecimal(machine.kernel.start.value)}, {"end", hexadecimal(machine.kernel.end.value)}}},
      {"devices", {{"pit", machine.has_timer}, {"network", machine.network.has_value()}}},
      {"needs", {{"counter_khz", machine.counter_khz}, {"cpu_pm", machine.manages_power}}},
      {"files", describe_files(machine.files)}};
  return result.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace hermitage::vmm::snapshot
