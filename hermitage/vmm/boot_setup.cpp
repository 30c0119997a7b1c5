#include "hermitage/vmm/boot_setup.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <functional>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <sched.h>
#include <sys/random.h>

#include "hermitage/entry/boot_info.hpp"
#include "hermitage/entry/uhyve_interface.hpp"
#include "hermitage/vmm/device_tree.hpp"
#include "hermitage/vmm/devices/platform.hpp"
#include "hermitage/vmm/kernel_loading.hpp"
#include "hermitage/vmm/kvm/kvm.hpp"
#include "hermitage/vmm/observe/timeline.hpp"

namespace hermitage::vmm {
namespace {

auto check_affinity(std::span<const unsigned> affinity) -> Result<void> {
  cpu_set_t available;
  if (affinity.empty() || ::sched_getaffinity(0, sizeof available, &available) != 0) return {};
  for (const auto cpu : affinity) {
    if (cpu >= CPU_SETSIZE || !CPU_ISSET(cpu, &available)) {
      return fail(ErrorCode::configuration, fmt::format("this process cannot use CPU {} of the host", cpu));
    }
  }
  return {};
}

auto random_number() -> Result<std::uint64_t> {
  std::uint64_t number = 0;
  if (::getrandom(&number, sizeof number, 0) != sizeof number) return system_failure("getrandom", errno);
  return number;
}

auto boot_time_now() -> entry::BootTime {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return {.seconds = now.tv_sec, .nanoseconds = static_cast<std::uint32_t>(now.tv_nsec)};
}

// The packed image is on separate pages after the kernel.
auto place_image(const BootRequest& request) -> Result<std::optional<GuestRange>> {
  const auto image = request.options.image;
  if (image.empty()) return std::nullopt;
  const GuestAddress start{(request.layout.kernel.end.value + arch::kPageSize - 1) & ~(arch::kPageSize - 1)};
  const auto target = request.memory.span(start, image.size());
  if (!target) {
    return fail(ErrorCode::configuration,
                fmt::format("kernel and image do not fit into {} MiB of memory; increase --memory-size",
                            request.options.memory_size >> 20));
  }
  request.memory.populate({start, start + target->size()});
  std::memcpy(target->data(), image.data(), target->size());
  return GuestRange{start, start + target->size()};
}

// The part of a request that booted and restored guests have in common.
struct VmRequest {
  entry::UhyveInterfaceVersion interface;
  MachineOptions& options;
  const GuestMemory& memory;
  Warnings& warnings;
  // Getting them is one of the longest steps on a host that is a guest itself: each CPUID leaves it.
  bool needs_features = true;
};

// Sets the state of vCPU `number`. Can adapt the features to it, which are null if the request does not need them.
using SetState = std::function<Result<void>(kvm::Vcpu& vcpu, kvm::Features* features, std::uint32_t number)>;

auto create_vcpus(const VmRequest& request, kvm::Vm& vm, kvm::Features* features, const SetState& set_state)
    -> Result<std::vector<kvm::Vcpu>> {
  std::vector<kvm::Vcpu> vcpus;
  vcpus.reserve(request.options.cpu_count);
  for (std::uint32_t number = 0; number < request.options.cpu_count; ++number) {
    auto vcpu = vm.create_vcpu(number);
    if (!vcpu) return std::unexpected{vcpu.error()};
    if (auto set = set_state(*vcpu, features, number); !set) return std::unexpected{set.error()};
    vcpus.push_back(std::move(*vcpu));
  }
  return vcpus;
}

// Null if the options request none.
auto make_network_card(const VmRequest& request, kvm::Vm& vm) -> Result<std::unique_ptr<NetworkCard>> {
  auto& network = request.options.network;
  if (!network) return nullptr;
  const auto bar = arch::pci_window(request.memory.range()).bar;
  return NetworkCard::make(std::move(*network), request.memory, vm, bar, request.warnings);
}

auto create_vm(const VmRequest& request, const SetState& set_state) -> Result<BootedVm> {
  const auto& options = request.options;
  const auto interface = request.interface;
  const auto kvm = kvm::Kvm::open(options.kvm);
  if (!kvm) return std::unexpected{kvm.error()};
  if (options.cpu_count > 1 && options.cpu_count > kvm->max_vcpus()) {
    return fail(ErrorCode::configuration, fmt::format("KVM supports at most {} vCPUs on this host", kvm->max_vcpus()));
  }
  if (auto checked = kvm->check_memory(request.memory.range()); !checked) return std::unexpected{checked.error()};
  auto vm = kvm->create_vm();
  if (!vm) return std::unexpected{vm.error()};
  if (auto set = vm->set_memory(request.memory); !set) return std::unexpected{set.error()};
  if (const auto zeros = arch::zero_ranges(interface, request.memory.base()); !zeros.empty()) {
    if (auto set = vm->set_zeros(zeros); !set) return std::unexpected{set.error()};
  }
  const kvm::VmOptions devices{.timer = options.timer, .manages_power = options.manages_power};
  if (auto made = vm->create_devices(*kvm, devices); !made) return std::unexpected{made.error()};
  std::optional<kvm::Features> features;
  if (request.needs_features) {
    auto supported = kvm->supported_features(*vm);
    if (!supported) return std::unexpected{supported.error()};
    features = *std::move(supported);
  }
  auto registers = kvm->state_registers();
  if (!registers) return std::unexpected{registers.error()};
  auto vcpus = create_vcpus(request, *vm, features ? &*features : nullptr, set_state);
  if (!vcpus) return std::unexpected{vcpus.error()};
  if (auto finished = vm->finish_devices(); !finished) return std::unexpected{finished.error()};
  auto network_card = make_network_card(request, *vm);
  if (!network_card) return std::unexpected{network_card.error()};

  BootedVm booted{.vm = std::move(*vm),
                  .vcpus = std::move(*vcpus),
                  .state_registers = std::move(*registers),
                  .coalesced_writes = {},
                  .collects_output = false,
                  .network_card = std::move(*network_card)};
  bool coalesces = false;
  for (const auto& [first, count, is_output] : arch::coalesced_ports(interface)) {
    if (!booted.vm.coalesce_ports(first, count)) continue;
    coalesces = true;
    booted.collects_output |= is_output;
  }
  if (coalesces) booted.coalesced_writes = booted.vm.coalesced_writes(booted.vcpus.front());
  return booted;
}

auto write_device_tree(const BootRequest& request, std::optional<GuestRange> image,
                       std::optional<std::uint32_t> counter_khz) -> Result<void> {
  auto arguments = base::boot_arguments(request.options.arguments);
  if (!arguments) return fail(ErrorCode::configuration, std::move(arguments.error().text));
  const auto tree = flatten({.memory = request.layout.memory,
                             .cpu_count = request.options.cpu_count,
                             .has_pci = request.options.network.has_value(),
                             .boot_arguments = std::move(*arguments),
                             .counter_khz = counter_khz,
                             .image = image,
                             .mounts = request.options.mounts},
                            kDeviceTreeSize);
  if (!tree) return std::unexpected{tree.error()};
  const auto target = request.memory.span(request.layout.device_tree, tree->size());
  if (!target) return fail(ErrorCode::configuration, "the device tree is outside of the guest memory");
  std::memcpy(target->data(), tree->data(), tree->size());
  return {};
}

auto write_boot_info(const BootRequest& request, const entry::LoadedKernel& loaded,
                     std::optional<std::uint32_t> counter_khz) -> Result<void> {
  const auto serial_port = request.kernel.uhyve_interface_version().value == 1
                               ? std::to_underlying(entry::uhyve::v1::Hypercall::uart)
                               : std::to_underlying(entry::uhyve::v2::Hypercall::serial_write_buffer);
  const entry::BootInfo info{.hardware = {.phys_addr_range = request.layout.memory,
                                          .serial_port_base = serial_port,
                                          .device_tree = request.layout.device_tree},
                             .load = {.kernel_image = loaded.image, .tls = loaded.tls},
                             .platform = entry::UhyvePlatform{.has_pci = request.options.network.has_value(),
                                                              .num_cpus = request.options.cpu_count,
                                                              .cpu_freq_khz = counter_khz,
                                                              .boot_time = boot_time_now()}};
  const auto raw = info.encode(arch::kArch, entry::Endian::little);
  if (!raw) return fail(ErrorCode::image, std::string{raw.error().message().view()});
  if (!request.memory.write(request.layout.boot_info, *raw)) {
    return fail(ErrorCode::configuration, "the boot info is outside of the guest memory");
  }
  return {};
}

}  // namespace

auto check_options(const MachineOptions& options) -> Result<void> {
  if (auto checked = base::check_memory_size(options.memory_size); !checked) {
    return fail(ErrorCode::configuration, std::move(checked.error().text));
  }
  if (options.cpu_count == 0) return fail(ErrorCode::configuration, "a guest needs at least one vCPU");
  if (!options.affinity.empty() && options.affinity.size() != options.cpu_count) {
    return fail(ErrorCode::configuration,
                fmt::format("cannot bind {} vCPUs to a list of {} CPUs", options.cpu_count, options.affinity.size()));
  }
  return check_affinity(options.affinity);
}

auto check_kernel(const entry::KernelObject& kernel, const MachineOptions& options) -> Result<void> {
  return arch::check_limits({.cpu_count = options.cpu_count,
                             .has_network = options.network.has_value(),
                             .has_timer = options.timer,
                             .manages_power = options.manages_power,
                             .saves = options.snapshot.has_value(),
                             .version = kernel.hermit_version()});
}

auto plan_layout(const entry::KernelObject& kernel, const MachineOptions& options) -> Result<arch::MemoryLayout> {
  std::optional<std::uint64_t> random;
  if (options.randomizes_addresses && kernel.is_relocatable()) {
    const auto number = random_number();
    if (!number) return std::unexpected{number.error()};
    random = *number;
  }
  return arch::plan_memory({.interface = kernel.uhyve_interface_version(),
                            .kernel_size = kernel.mem_size(),
                            .kernel_start = kernel.start_addr(),
                            .memory_size = options.memory_size},
                           random);
}

auto set_up(const BootRequest& request) -> Result<BootedVm> {
  const auto& [kernel, descriptor, options, layout, memory, warnings] = request;
  auto* const timeline = options.timeline.get();
  std::optional<observe::Phase> phase{std::in_place, timeline, "load the kernel"};
  const auto loaded = load_kernel(kernel, memory, layout.kernel.start, descriptor);
  if (!loaded) return std::unexpected{loaded.error()};
  const auto image = place_image(request);
  if (!image) return std::unexpected{image.error()};
  const auto mapped_end = image->value_or(layout.kernel).end;
  phase.emplace(timeline, "write page tables");
  const bool is_legacy = !kernel.hermit_version().has_value();
  if (auto written = arch::write_boot_tables(memory, layout, mapped_end, is_legacy); !written) {
    return std::unexpected{written.error()};
  }
  phase.emplace(timeline, "create the virtual machine");
  const auto enter = [&](kvm::Vcpu& vcpu, kvm::Features* features, std::uint32_t number) {
    return vcpu.configure(*features, number, arch::entry_state(layout, loaded->entry_point, number));
  };
  auto booted = create_vm(
      {.interface = kernel.uhyve_interface_version(), .options = options, .memory = memory, .warnings = warnings},
      enter);
  if (!booted) return booted;
  phase.emplace(timeline, "write device tree and boot info");
  const auto counter_khz = booted->vcpus.front().counter_khz();
  if (auto written = write_device_tree(request, *image, counter_khz); !written) {
    return std::unexpected{written.error()};
  }
  if (auto written = write_boot_info(request, *loaded, counter_khz); !written) {
    return std::unexpected{written.error()};
  }
  return booted;
}

auto set_up_restored(const RestoreRequest& request) -> Result<BootedVm> {
  const auto& [machine, options, memory, warnings] = request;
  const auto restore = [&](kvm::Vcpu& vcpu, kvm::Features* features, std::uint32_t number) {
    return vcpu.restore_state(machine.vcpus[number].parts, features, number);
  };
  const bool is_same_boot = !machine.host_boot.empty() && machine.host_boot == kvm::host_boot();
  auto booted = create_vm({.interface = machine.interface,
                           .options = options,
                           .memory = memory,
                           .warnings = warnings,
                           .needs_features = !is_same_boot},
                          restore);
  if (!booted) return booted;
  if (machine.network) {
    if (auto restored = booted->network_card->restore_state(*machine.network); !restored) {
      return std::unexpected{restored.error()};
    }
  }
  if (auto set = booted->vm.restore_state(machine.vm, machine.has_timer); !set) return std::unexpected{set.error()};
  return booted;
}

}  // namespace hermitage::vmm
