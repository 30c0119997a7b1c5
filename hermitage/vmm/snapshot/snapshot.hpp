// A snapshot: the file from which a machine continues.
//
//   auto snapshot = snapshot::Snapshot::open("app.snap");
//   if (!snapshot) die(snapshot.error().message());
//   auto machine = vmm::Machine::restore(std::move(*snapshot), options, vmm::GuestFiles{"/tmp"});
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "hermitage/vmm/descriptor.hpp"
#include "hermitage/vmm/error.hpp"
#include "hermitage/vmm/memory/guest_memory.hpp"
#include "hermitage/vmm/snapshot/machine_state.hpp"
#include "hermitage/vmm/snapshot/tables.hpp"

namespace hermitage::vmm::snapshot {

// Whether a file with this start is a snapshot, of any version. 8 bytes are enough.
[[nodiscard]] auto is_snapshot(std::span<const std::byte> start) noexcept -> bool;

// Everything in a snapshot but its contents, checked.
struct Parsed {
  Tables tables;
  std::uint64_t contents_start = 0;     // offset in the file
  std::uint64_t contents_checksum = 0;  // as the header states it
};

// Reads the start of a file: the header, and all tables. Any bytes are permitted. Fails with image: not a snapshot, of
// another version or architecture, truncated, or damaged. The message is a predicate of the file ("is …", "has …").
[[nodiscard]] auto parse(std::span<const std::byte> head, std::uint64_t file_size) -> Result<Parsed>;
// The number of bytes that parse() needs, from the header. Fails as parse().
[[nodiscard]] auto head_size(std::span<const std::byte> header, std::uint64_t file_size) -> Result<std::uint64_t>;

// The kernel's file in a snapshot.
struct SavedKernel {
  std::span<const std::byte> bytes = {};
  std::shared_ptr<const std::byte[]> owner = {};  // of the bytes
};

// An open file. Its contents are not read before they are used, so do not change the file while it is in use: a
// change would be visible to the guest, and an access after the end of a truncated file causes SIGBUS.
class Snapshot {
 public:
  // Whether contents are mapped, or read: a file that users other than its owner can write to is always read.
  enum class Contents : std::uint8_t { mapped, read };

  // Fails with host_failed, or as parse().
  [[nodiscard]] static auto open(Descriptor file, Contents contents = Contents::mapped) -> Result<Snapshot>;
  // The same by its path. The message starts with the path.
  [[nodiscard]] static auto open(const std::string& path) -> Result<Snapshot>;

  [[nodiscard]] auto machine() const noexcept HERMITAGE_LIFETIMEBOUND -> const MachineState& {
    return parsed_.tables.machine;
  }
  // A new description of what is in the file, as JSON: the one in the file is not trusted.
  [[nodiscard]] auto description() const -> std::string;
  // The memory that is in the file, in bytes.
  [[nodiscard]] auto saved_memory() const noexcept -> std::uint64_t;
  [[nodiscard]] auto file_size() const noexcept -> std::uint64_t { return file_size_; }

  // Puts the saved pages into new memory of the machine's size. Fails with host_failed.
  [[nodiscard]] auto load_memory(const GuestMemory& memory) const -> Result<void>;
  // The guest's files, with their contents. Fails with host_failed.
  [[nodiscard]] auto files() const -> Result<SavedFiles>;

  // The ELF file of the kernel. Empty if it was not saved. Fails with host_failed.
  [[nodiscard]] auto kernel_file() const -> Result<SavedKernel>;

  // Reads everything, and compares the contents with their checksum. Fails with image or host_failed.
  [[nodiscard]] auto verify() const -> Result<void>;

 private:
  Snapshot(Descriptor file, std::uint64_t file_size, Contents contents, Parsed parsed) noexcept;

  Descriptor file_;
  std::uint64_t file_size_;
  Contents contents_;
  Parsed parsed_;
};

}  // namespace hermitage::vmm::snapshot
