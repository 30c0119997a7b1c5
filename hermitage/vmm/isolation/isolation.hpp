// Isolation of a monitor from its host. It limits the access of a guest that has taken control of the monitor.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "hermitage/vmm/error.hpp"
#include "hermitage/vmm/isolation/landlock.hpp"
#include "hermitage/vmm/isolation/system_calls.hpp"

namespace hermitage::vmm {

// Restricts access to the host's files to those that the guest needs, with Landlock.
enum class FileIsolation : std::uint8_t {
  none,
  normal,  // as far as the running kernel supports it
  strict,  // fails if the kernel does not support it
};

struct IsolationOptions {
  FileIsolation file_isolation = FileIsolation::none;
  // Permits only the system calls that running a guest needs, drops privileges, and disables core dumps.
  bool sandbox = false;
  // Permanently restricts the thread that calls Machine::run(), too, and properties of the whole process. This is for a
  // program with no other purpose. Without it, only the threads that run vCPUs are isolated.
  bool around_caller = false;
};

// Make this object while everything is accessible. It is imposed just before the guest runs.
class Isolation {
 public:
  // `paths` stay accessible. They can be closed after this call. Fails with host_failed if file isolation is strict and
  // the kernel has no Landlock. If it is normal, lacks_landlock() reports this.
  [[nodiscard]] static auto make(IsolationOptions options, std::span<const isolation::OpenPath> paths)
      -> Result<Isolation>;

  [[nodiscard]] auto lacks_landlock() const noexcept -> bool {
    return options_.file_isolation == FileIsolation::normal && !landlock_;
  }

  // The thread that calls Machine::run() calls these before and after it starts other threads.
  [[nodiscard]] auto enclose_caller() const -> Result<void>;
  [[nodiscard]] auto seal_caller() const -> Result<void>;
  // Whether the thread of the network has its own descriptors, so that other threads cannot access the network.
  [[nodiscard]] auto separates_network() const noexcept -> bool { return options_.sandbox; }
  // Each thread that the caller starts for the guest calls this first: the thread of a vCPU or of the network.
  [[nodiscard]] auto enclose(isolation::Role role) const -> Result<void>;

 private:
  explicit Isolation(IsolationOptions options) noexcept : options_{options} {}

  // The restrictions that threads inherit from the thread that starts them.
  [[nodiscard]] auto enclose_thread() const -> Result<void>;

  IsolationOptions options_;
  std::optional<isolation::Landlock> landlock_;
};

}  // namespace hermitage::vmm
