// Writes the memory and the registers of a guest that has ended as an ELF core file, which debuggers open.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "hermitage/vmm/arch/arch.hpp"
#include "hermitage/vmm/descriptor.hpp"
#include "hermitage/vmm/error.hpp"
#include "hermitage/vmm/memory/guest_memory.hpp"

namespace hermitage::vmm::debug {

struct CoreOptions {
  static constexpr std::uint64_t kDefaultLimit = std::uint64_t{1} << 30;

  Descriptor file;                      // see open_core()
  std::uint64_t limit = kDefaultLimit;  // bytes of the guest memory that the file contains, without pages of zeros
  bool on_exit = false;                 // also if the guest exits
  std::optional<int> on_stop = {};      // also if Machine::stop() is called with this reason: run() then takes longer
  std::string image = {};               // the name of the image, and of the program that wrote the file, for its note
  std::string program = {};
};

// Opens a file for a core. Its content stays until the core is written. Only this user can read a new file. Fails with
// configuration if it is not a regular file, and with host_failed.
[[nodiscard]] auto open_core(const std::string& path) -> Result<Descriptor>;

// The state of a guest to write.
struct CoreContent {
  struct Vcpu {
    arch::DebugState state;
    unsigned number = 0;
  };

  const GuestMemory& memory;
  arch::PagingState paging;       // of the first vCPU
  std::span<const Vcpu> vcpus;    // debuggers show the first one first
  int signal = 0;                 // the signal that debuggers report; 0: none
  std::uint64_t entry_point = 0;  // in memory: debuggers derive the address of a relocatable kernel from it
  GuestRange kernel = {};         // has precedence under the limit
  std::string_view image = {};    // the name of the image
  std::string_view note = {};     // text of the note "Hermitage"
};

struct CoreLimits {
  std::uint64_t size = CoreOptions::kDefaultLimit;  // bytes of the guest memory
  std::chrono::milliseconds time = std::chrono::seconds{30};
};

// The result of writing a core file.
struct CoreSummary {
  std::uint64_t size = 0;    // bytes of the guest memory, without pages of zeros
  bool is_complete = false;  // all of the guest's mapped memory is in the file

  friend auto operator==(const CoreSummary&, const CoreSummary&) -> bool = default;
};

// Replaces the content of the file. The ELF header is written last: without it, the file is not a core. If the function
// fails, it truncates the file to 0 bytes. `is_stopping` can be empty. Fails with host_failed, also if it takes longer
// than the limit or is_stopping() returns true.
//
// The file contains only the guest memory, registers and what `content` names. It is sparse: the bytes of the guest
// memory have an offset that depends on their guest-physical address, and pages of zeros, and pages that are not
// mapped, take no space. Under the limit, the stacks of the vCPUs and the kernel have precedence.
[[nodiscard]] auto write_core(int descriptor, const CoreContent& content, const CoreLimits& limits,
                              const std::function<bool()>& is_stopping) -> Result<CoreSummary>;

}  // namespace hermitage::vmm::debug
