// The loader for riscv64: starts a kernel from SBI.
#include <array>
#include <cstddef>
#include <cstdint>

#include "hermitage/loader/arch/riscv64/sbi.hpp"
#include "hermitage/loader/arena.hpp"
#include "hermitage/loader/boot.hpp"
#include "hermitage/loader/handover.hpp"
#include "hermitage/loader/platform/device_tree/boot_by_device_tree.hpp"
#include "hermitage/loader/platform/device_tree/read_device_tree.hpp"

using namespace hermitage::loader;  // NOLINT(google-build-using-namespace)

extern "C" {
extern std::byte loader_start[];
extern std::byte loader_end[];
[[noreturn]] void enter_kernel(std::uint64_t hart, const void* boot_info, std::uint64_t entry_point,
                               const void* stack_end);
[[noreturn]] void loader_main(std::uint64_t hart, std::uint64_t device_tree);
}

namespace {

// The end of all possible physical addresses.
constexpr GuestAddress kAllMemory{std::uint64_t{1} << 56};

constinit Handover handover{};

// Memory for data that the kernel uses after the loader.
alignas(4096) constinit std::array<std::byte, 256 << 10> arena_memory{};

}  // namespace

void loader_main(std::uint64_t hart, std::uint64_t device_tree) {
  handover.firmware_lack = riscv64::set_up_machine();
  const auto memory = PhysicalMemory::identity_mapped(kAllMemory);
  const auto tree = tree_or_fail(memory, {device_tree});
  if (const auto test_device = find_device(tree.tree, "sifive,test0")) riscv64::set_test_device(*test_device);
  value_or_fail(read_device_tree(tree.tree, handover));

  Arena arena{arena_memory};
  const GuestRange loader{address_of(loader_start), address_of(loader_end)};
  const auto boot = boot_by_device_tree(memory, tree, handover, loader, std::nullopt, arena);
  const auto* const stack_end = boot.stack.data() + boot.stack.size();
  log_entry(boot.image, stack_end, boot.boot_info);
  asm volatile("fence.i" : : : "memory");
  enter_kernel(hart, boot.boot_info, boot.image.kernel.entry_point.value, stack_end);
}
