#include "hermitage/launch/restored.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "hermitage/launch/given_option.hpp"

namespace hermitage::launch {

using vmm::snapshot::Snapshot;

auto option_refused_by_snapshots(const LaunchOptions& options) -> const char* {
  const GivenOption refused[] = {
      {options.memory_size.has_value(), "--memory-size"},
      {options.cpu_count.has_value(), "--cpu-count"},
      {!options.env_vars.empty(), "--env-vars"},
      {!options.kernel_args.empty(), "--kernel-arg"},
      {!options.words.empty(), "an argument of the guest"},
      {options.image_mode.has_value(), "--hermit-image-mode"},
      {options.no_aslr, "--no-aslr"},
      {options.huge_pages, "--thp"},
      {options.merges_pages, "--ksm"},
      {options.timer, "--pit"},
      {options.manages_power, "--cpu-pm"},
      {!options.loader.empty(), "--loader"},
      {!options.qemu_args.empty(), "--qemu-arg"},
  };
  return first_given(refused);
}

auto check_snapshot_options(const RunRequest& request) -> OrFailure<void> {
  for (const auto* const source : {&request.sources.command_line, &request.sources.config_file}) {
    if (const auto* const option = option_refused_by_snapshots(*source)) {
      return wrong_usage(fmt::format("{}: a snapshot does not accept {}", request.image, option));
    }
  }
  if (request.snapshot) return wrong_usage("a restored guest cannot be saved again; save the original guest");
  return {};
}

auto adapt_network(LaunchSpec& spec, const vmm::snapshot::MachineState& machine) -> OrFailure<void> {
  const auto refused = [&spec](std::string_view what) {
    return wrong_usage(fmt::format("{}: the saved guest {}", spec.image, what));
  };
  auto& network = spec.network;
  const bool is_wanted = network.mode != base::NetworkMode::none;
  if (!machine.network) {
    if (is_wanted) return refused("has no network card, so it accepts neither --net nor --publish");
    return {};
  }
  if (!is_wanted) return refused("has a network card; choose its network with --net or --publish");
  if (network.address) return refused("has its address already, so it does not accept ip=");
  if (network.mtu && network.mtu != machine.network->mtu) return refused("does not accept another mtu=");
  network.mtu = machine.network->mtu;
  if (!network.mac) network.mac = machine.network->mac;
  return {};
}

auto open_snapshot(const LaunchSpec& spec, const RunRequest& request) -> OrFailure<Snapshot> {
  auto file = request.source.duplicate();
  if (!file) return not_started(spec.image, file.error().message());
  // A guest that can write to files of the host may write to its own snapshot.
  const bool is_mapped = std::ranges::all_of(spec.file_mappings, &base::FileMapping::is_read_only);
  auto opened = Snapshot::open(*std::move(file), is_mapped ? Snapshot::Contents::mapped : Snapshot::Contents::read);
  if (!opened) return not_started(spec.image, std::move(opened.error().text));
  return *std::move(opened);
}

}  // namespace hermitage::launch
