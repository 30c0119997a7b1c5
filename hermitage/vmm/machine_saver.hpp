// Saves a machine while it runs.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "hermitage/entry/version.hpp"
#include "hermitage/vmm/arch/arch.hpp"
#include "hermitage/vmm/collected_writes.hpp"
#include "hermitage/vmm/error.hpp"
#include "hermitage/vmm/files/guest_files.hpp"
#include "hermitage/vmm/hypercalls/argument_vectors.hpp"
#include "hermitage/vmm/kvm/vm.hpp"
#include "hermitage/vmm/machine_options.hpp"
#include "hermitage/vmm/memory/guest_memory.hpp"
#include "hermitage/vmm/memory/page_map.hpp"
#include "hermitage/vmm/network_card.hpp"
#include "hermitage/vmm/snapshot/machine_state.hpp"
#include "hermitage/vmm/supervisor.hpp"
#include "hermitage/vmm/vcpu.hpp"

namespace hermitage::vmm {

class MachineSaver {
 public:
  // The parts of the machine, which must exist as long as the saver.
  struct Parts {
    const MachineOptions& options;
    const GuestMemory& memory;
    const arch::MemoryLayout& layout;
    entry::UhyveInterfaceVersion interface;
    const ArgumentVectors& vectors;
    GuestFiles& files;
    Supervisor& supervisor;
    const kvm::Vm& vm;
    const CollectedWrites& collected_writes;
    std::span<const std::unique_ptr<Vcpu>> vcpus;
    const NetworkCard* network_card;  // or null
    bool has_debugger;
  };

  // `registers` are those of each vCPU that are saved.
  MachineSaver(const Parts& parts, kvm::StateRegisters registers) noexcept
      : parts_{parts}, registers_{std::move(registers)} {}

  // Opens what a guest in a sandbox cannot open later.
  void prepare();

  // Pauses the guest, saves it, and calls `publish`, which can be empty. Ends the run if `ends`. See Machine::save().
  [[nodiscard]] auto save(int file, bool ends, const std::function<Result<void>()>& publish) -> Result<void>;
  // Saves the guest as MachineOptions::snapshot says. Nothing if the run has ended before. See snapshot::Saver::Guest.
  [[nodiscard]] auto save_as_requested() -> std::optional<Result<void>>;

 private:
  [[nodiscard]] auto pause_at_rest() -> Result<void>;
  [[nodiscard]] auto is_at_rest() const -> bool;
  [[nodiscard]] auto machine_state() -> Result<snapshot::MachineState>;

  std::mutex saving_;  // held while the guest is saved
  Parts parts_;
  kvm::StateRegisters registers_;
  std::optional<PageMap> pages_;
  std::string host_boot_;
};

}  // namespace hermitage::vmm
