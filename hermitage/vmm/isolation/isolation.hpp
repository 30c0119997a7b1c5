// Isolation of a monitor from its host: what a guest that has taken the monitor over can still reach.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "hermitage/vmm/error.hpp"
#include "hermitage/vmm/isolation/landlock.hpp"
#include "hermitage/vmm/isolation/system_calls.hpp"

namespace hermitage::vmm {

// Of the host's files, only those that the guest may have, by Landlock.
enum class FileIsolation : std::uint8_t {
  none,
  normal,  // as far as the running kernel can
  strict,  // or not at all
};

struct IsolationOptions {
  FileIsolation file_isolation = FileIsolation::none;
  // Only the system calls that running a guest takes, no privileges, no core dump.
  bool sandbox = false;
  // Around the thread that calls Machine::run(), and what belongs to the whole process, too, for good: for a program
  // that has nothing else to do. Without it, only the threads that run vCPUs are isolated.
  bool around_caller = false;
};

// Made while everything is still in reach, and imposed when the guest is about to run.
class Isolation {
 public:
  // `paths` are what stays in reach, and need stay open no longer than that. Fails with host_failed where file
  // isolation is strict and the kernel has no Landlock; where it is normal, lacks_landlock() tells.
  [[nodiscard]] static auto make(IsolationOptions options, std::span<const isolation::OpenPath> paths)
      -> Result<Isolation>;

  [[nodiscard]] auto lacks_landlock() const noexcept -> bool {
    return options_.file_isolation == FileIsolation::normal && !landlock_;
  }

  // By the thread that calls Machine::run(), before it starts others, and after.
  [[nodiscard]] auto enclose_caller() const -> Result<void>;
  [[nodiscard]] auto seal_caller() const -> Result<void>;
  // Whether the thread that serves the network has descriptors of its own, and the others cannot reach the network.
  [[nodiscard]] auto separates_network() const noexcept -> bool { return options_.sandbox; }
  // By each thread that the caller starts for the guest, before it begins: one that runs a vCPU, or serves the network.
  [[nodiscard]] auto enclose(isolation::Role role) const -> Result<void>;

 private:
  explicit Isolation(IsolationOptions options) noexcept : options_{options} {}

  // What threads have from one that starts them.
  [[nodiscard]] auto enclose_thread() const -> Result<void>;

  IsolationOptions options_;
  std::optional<isolation::Landlock> landlock_;
};

}  // namespace hermitage::vmm
