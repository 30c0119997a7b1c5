// Walls around a monitor: what is left of the host to a guest that has taken it over.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "hermitage/vmm/error.hpp"
#include "hermitage/vmm/walls/landlock.hpp"

namespace hermitage::vmm {

// Of the host's files, only those that the guest may have, by Landlock.
enum class FileIsolation : std::uint8_t {
  none,
  normal,  // as far as the running kernel can
  strict,  // or not at all
};

struct WallOptions {
  FileIsolation file_isolation = FileIsolation::none;
  // Only those system calls that it takes to run a guest, no privileges, no core dump.
  bool sandbox = false;
  // Around the thread that calls Machine::run(), and what belongs to the whole process, too, for good: for a program
  // that has nothing else to do. Without it, only the threads are walled in that run the guest's processors.
  bool around_caller = false;
};

// Made while everything is in reach still, and put up when the guest is about to run.
class Walls {
 public:
  // `paths` are what stays in reach, and need stay open no longer than that. Fails with host_failed where file
  // isolation is strict and the kernel has no Landlock; where it is normal, lacks_landlock() tells.
  [[nodiscard]] static auto make(WallOptions options, std::span<const walls::OpenPath> paths) -> Result<Walls>;

  [[nodiscard]] auto lacks_landlock() const noexcept -> bool {
    return options_.file_isolation == FileIsolation::normal && !landlock_;
  }

  // By the thread that calls Machine::run(), before it starts others, and after.
  [[nodiscard]] auto enclose_caller() const -> Result<void>;
  [[nodiscard]] auto seal_caller() const -> Result<void>;
  // By each thread that is to run a processor, before it does.
  [[nodiscard]] auto enclose_processor() const -> Result<void>;

 private:
  explicit Walls(WallOptions options) noexcept : options_{options} {}

  // What threads have from one that starts them.
  [[nodiscard]] auto enclose_thread() const -> Result<void>;

  WallOptions options_;
  std::optional<walls::Landlock> landlock_;
};

}  // namespace hermitage::vmm
