// Linux's Kernel-based Virtual Machine: /dev/kvm, as far as this monitor needs it.
#pragma once

#include <linux/kvm.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <variant>

#include "hermitage/vmm/arch/x86_64/page_tables.hpp"
#include "hermitage/vmm/arch/x86_64/vcpu_state.hpp"
#include "hermitage/vmm/descriptor.hpp"
#include "hermitage/vmm/error.hpp"
#include "hermitage/vmm/memory/guest_memory.hpp"

namespace hermitage::vmm::kvm {

// Memory that KVM knows, unmapped at the end.
class SharedPages {
 public:
  SharedPages() noexcept = default;
  SharedPages(std::byte* start, std::size_t size) noexcept : bytes_{start, size} {}
  SharedPages(SharedPages&& other) noexcept : bytes_{std::exchange(other.bytes_, {})} {}
  auto operator=(SharedPages&& other) noexcept -> SharedPages& {
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~SharedPages();

  [[nodiscard]] auto bytes() const noexcept -> std::span<std::byte> { return bytes_; }

 private:
  std::span<std::byte> bytes_;
};

// What stands before the array that kvm_cpuid2 and kvm_msrs end with, written out: Linux's headers of 2023 give
// structures that end so a wrong size in C++, and the numbers of their calls with it.
struct ListHeader {
  std::uint32_t count = 0;
  std::uint32_t padding = 0;
};

// Entries with their header, as KVM takes and gives them.
template <class Entry>
class List {
 public:
  // The entries are whatever was there: pages that KVM does not fill are not touched.
  explicit List(std::size_t count)
      : bytes_{std::make_unique_for_overwrite<std::byte[]>(sizeof(ListHeader) + count * sizeof(Entry))} {
    *header() = {.count = static_cast<std::uint32_t>(count)};
  }

  [[nodiscard]] auto header() noexcept -> ListHeader* { return reinterpret_cast<ListHeader*>(bytes_.get()); }
  [[nodiscard]] auto entries() noexcept -> std::span<Entry> {
    return {reinterpret_cast<Entry*>(bytes_.get() + sizeof(ListHeader)), header()->count};
  }

 private:
  std::unique_ptr<std::byte[]> bytes_;
};
using Cpuid = List<kvm_cpuid_entry2>;

// Why a processor came back from the guest. `data` lies in the page shared with KVM and holds `count` items of the
// same size, one behind the other; what is to be read is written there.
struct PortWrite {
  std::uint16_t port;
  std::span<const std::byte> data;
  std::uint32_t count;
};
struct PortRead {
  std::uint16_t port;
  std::span<std::byte> data;
};
struct MemoryWrite {
  GuestAddress address;
  std::span<const std::byte> data;
};
struct MemoryRead {
  GuestAddress address;
  std::span<std::byte> data;
};
struct Halt {};
struct Shutdown {};     // a triple fault
struct Interrupted {};  // by a signal
struct EntryFailure {
  std::uint64_t reason;
};
struct InternalError {
  std::uint32_t suberror;
};
struct UnknownExit {
  std::uint32_t reason;
};
struct RunFailure {
  int error_number;
};
using Exit = std::variant<PortWrite, PortRead, MemoryWrite, MemoryRead, Halt, Shutdown, Interrupted, EntryFailure,
                          InternalError, UnknownExit, RunFailure>;

// A virtual processor. Its functions are for the thread that runs it, except request_exit().
class Vcpu {
 public:
  // `tsc_khz` and the like are asked of the processor that they are for. All of these fail with kvm_failed.
  [[nodiscard]] auto set_cpuid(Cpuid& cpuid) -> Result<void>;
  [[nodiscard]] auto set_entry_state(const x86_64::EntryState& state) -> Result<void>;
  [[nodiscard]] auto set_model_registers() -> Result<void>;
  [[nodiscard]] auto set_runnable() -> Result<void>;
  [[nodiscard]] auto tsc_khz() const -> std::optional<std::uint32_t>;

  [[nodiscard]] auto run() -> Exit;

  // Makes run() come back with Interrupted, now and from now on; for any thread, but one that is in the guest must be
  // sent a signal, too.
  void request_exit() noexcept;

  // rdi, as it was when the guest was left.
  [[nodiscard]] auto rdi() const noexcept -> std::uint64_t;
  [[nodiscard]] auto paging() const noexcept -> x86_64::PagingState;
  [[nodiscard]] auto registers() const -> x86_64::Registers;

 private:
  friend class Vm;

  Vcpu(Descriptor descriptor, SharedPages pages, bool syncs_registers) noexcept;

  [[nodiscard]] auto shared() const noexcept -> kvm_run& { return *reinterpret_cast<kvm_run*>(pages_.bytes().data()); }
  [[nodiscard]] auto port_exit() -> Exit;

  Descriptor descriptor_;
  SharedPages pages_;
  bool syncs_registers_;
};

// Writes to ports that KVM keeps until somebody looks, instead of leaving the guest for each.
class CoalescedWrites {
 public:
  struct Write {
    std::uint16_t port;
    std::span<const std::byte> data;
  };

  CoalescedWrites() noexcept = default;
  // `page` holds a struct kvm_coalesced_mmio_ring.
  explicit CoalescedWrites(std::span<std::byte> page) noexcept : page_{page} {}

  // In order. One thread at a time.
  void drain(const std::function<void(const Write&)>& visit) const;
  [[nodiscard]] auto is_empty() const noexcept -> bool;

 private:
  std::span<std::byte> page_;
};

struct VmOptions {
  bool timer = false;          // an i8254 (PIT)
  bool manages_power = false;  // HLT, MWAIT and PAUSE do not leave the guest
};

// First its memory, then its interrupt controllers, then its processors: in another order, KVM waits for milliseconds
// until nobody looks at what it had before.
class Vm {
 public:
  [[nodiscard]] auto set_memory(const GuestMemory& memory) -> Result<void>;
  // Lets the guest read zeros from these ranges, of whole pages, without leaving it for each of them. Once.
  [[nodiscard]] auto set_zeros(std::span<const GuestRange> ranges) -> Result<void>;
  // The interrupt controllers, and what else the options say. `kvm` is what made this.
  [[nodiscard]] auto create_devices(const class Kvm& kvm, VmOptions options) -> Result<void>;
  // False where KVM cannot.
  [[nodiscard]] auto coalesce_port(std::uint16_t port, std::uint32_t size) -> bool;
  [[nodiscard]] auto create_vcpu(unsigned number) -> Result<Vcpu>;
  // Of the first processor, which must be there; valid as long as it is.
  [[nodiscard]] auto coalesced_writes(const Vcpu& first) const -> CoalescedWrites;

 private:
  friend class Kvm;

  Vm(Descriptor descriptor, std::size_t vcpu_pages_size, std::size_t coalesced_page, bool syncs_registers) noexcept;

  Descriptor descriptor_;
  SharedPages zeros_;
  std::size_t vcpu_pages_size_;
  std::size_t coalesced_page_;  // index of the ring's page behind kvm_run; 0 where there is none
  bool syncs_registers_;
};

class Kvm {
 public:
  // Fails with kvm_missing, kvm_permission or kvm_failed.
  [[nodiscard]] static auto open() -> Result<Kvm>;

  // KVM_CHECK_EXTENSION: 0 where KVM does not have it.
  [[nodiscard]] auto extension(unsigned long capability) const noexcept -> int;
  // How many processors a guest can have.
  [[nodiscard]] auto max_vcpus() const noexcept -> unsigned;
  [[nodiscard]] auto supported_cpuid() const -> Result<Cpuid>;
  [[nodiscard]] auto create_vm() const -> Result<Vm>;

 private:
  explicit Kvm(Descriptor descriptor) noexcept : descriptor_{std::move(descriptor)} {}

  Descriptor descriptor_;
};

}  // namespace hermitage::vmm::kvm
