// The state of a machine, without the content of its memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "hermitage/base/arguments.hpp"
#include "hermitage/entry/address.hpp"
#include "hermitage/entry/version.hpp"
#include "hermitage/vmm/files/saved_files.hpp"
#include "hermitage/vmm/hypercalls/argument_vectors.hpp"
#include "hermitage/vmm/network_state.hpp"
#include "hermitage/vmm/repeated_write.hpp"
#include "hermitage/vmm/state_part.hpp"

namespace hermitage::vmm::snapshot {

struct VcpuState {
  StateParts parts = {};
  std::optional<RepeatedWrite> repeated = {};  // the hypercall in which it waits
};

struct MachineState {
  std::string image = {};          // the name of the image, as the user has given it
  base::Arguments arguments = {};  // for users: the guest has them in its memory
  std::string host_boot = {};      // see kvm::host_boot()
  std::uint64_t saved_at = 0;      // nanoseconds since 1970
  std::uint32_t counter_khz = 0;   // of the time stamp counter; 0 if it is unknown
  entry::UhyveInterfaceVersion interface = {};
  bool has_timer = false;      // see MachineOptions::timer
  bool manages_power = false;  // see MachineOptions::manages_power
  entry::GuestRange memory = {};
  entry::GuestRange kernel = {};
  ArgumentVectors vectors = {};              // with interface 1
  std::optional<NetworkState> network = {};  // of its network card
  StateParts vm = {};
  std::vector<VcpuState> vcpus = {};
  SavedFiles files = {};
  // The ELF file of the kernel, for debuggers, profiles and cores; empty: it is not saved.
  std::span<const std::byte> kernel_file = {};
};

}  // namespace hermitage::vmm::snapshot
