#include "guests/devices/gic.hpp"

#include "guests/devices/address_space.hpp"
#include "guests/runtime/device_tree.hpp"

namespace guest::gic {
namespace {

// Arm Generic Interrupt Controller Architecture Specification, GIC architecture version 3 and 4, chapter 12.
constexpr std::uint64_t kDistributorControl = 0x0000;
constexpr std::uint64_t kWaker = 0x0014;  // of a redistributor
constexpr std::uint64_t kGroups = 0x0080;
constexpr std::uint64_t kEnable = 0x0100;
constexpr std::uint64_t kPriorities = 0x0400;
constexpr std::uint64_t kTriggers = 0x0c00;
constexpr std::uint64_t kRoutes = 0x6000;
constexpr std::uint64_t kPrivateFrame = 0x1'0000;  // of a redistributor: registers of private interrupts
constexpr std::uint64_t kRedistributorSize = 0x2'0000;
constexpr std::uint64_t kDistributorSize = 0x1'0000;

constexpr std::uint32_t kTimer = 27;
constexpr std::uint32_t kFirstShared = 32;
constexpr std::uint32_t kFirstSpecial = 1020;  // there is no interrupt to acknowledge
constexpr std::uint8_t kPriority = 0x80;

struct Controller {
  std::uint64_t distributor = 0;
  std::uint64_t redistributor = 0;  // of the first CPU
};

constinit Mmio line_acknowledge{};
constinit std::uint32_t line_number = 0;
constinit std::uint64_t taken = 0;

auto find_controller() -> std::optional<Controller> {
  const auto tree = DeviceTree::of_boot_info();
  if (!tree) return std::nullopt;
  bool is_controller = false;
  Controller found;
  tree->walk([&](const DeviceTree::Item& item) {
    if (item.kind != DeviceTree::Kind::property) {
      is_controller = false;
      found = {};
    } else if (item.name == "compatible") {
      is_controller = item.value.text().starts_with("arm,gic-v3");
    } else if (item.name == "reg" && item.value.size() >= 32) {
      found = {.distributor = item.value.get<std::uint64_t>(0), .redistributor = item.value.get<std::uint64_t>(16)};
    }
    return !is_controller || found.distributor == 0;
  });
  if (!is_controller || found.distributor == 0) return std::nullopt;
  return found;
}

// The number of the shared interrupt for the first pin of a slot. An entry of the interrupt map has ten cells: three
// for the slot's address, the pin, the controller with two cells for its address, and the kind, number and trigger of
// the interrupt.
auto find_line(std::uint8_t slot) -> std::optional<std::uint32_t> {
  constexpr std::size_t kEntrySize = std::size_t{10} * 4;
  const auto tree = DeviceTree::of_boot_info();
  std::optional<std::uint32_t> found;
  if (!tree) return found;
  tree->walk([&](const DeviceTree::Item& item) {
    if (item.kind != DeviceTree::Kind::property || item.name != "interrupt-map") return true;
    for (std::size_t at = 0; at + kEntrySize <= item.value.size(); at += kEntrySize) {
      const auto cell = [&](std::size_t index) { return item.value.get<std::uint32_t>(at + 4 * index); };
      const bool is_shared = cell(7) == 0;
      if (cell(0) == std::uint32_t{slot} << 11 && cell(3) == 1 && is_shared) found = kFirstShared + cell(8);
    }
    return !found;
  });
  return found;
}

// Sets group 1 and the priority, and enables the interrupt. `registers` are those of the distributor, or of a
// redistributor's private interrupts.
void enable(const Mmio& registers, std::uint32_t number) {
  const auto word = 4 * (number / 32);
  const auto bit = std::uint32_t{1} << number % 32;
  registers.set(kGroups + word, registers.get<std::uint32_t>(kGroups + word) | bit);
  registers.set(kPriorities + number, kPriority);
  registers.set(kEnable + word, bit);
}

void start_redistributor(const Mmio& registers) {
  constexpr std::uint32_t kSleeps = 1 << 1;
  constexpr std::uint32_t kIsAsleep = 1 << 2;
  registers.set(kWaker, registers.get<std::uint32_t>(kWaker) & ~kSleeps);
  while ((registers.get<std::uint32_t>(kWaker) & kIsAsleep) != 0) {
  }
}

void start_cpu_interface() {
  constexpr std::uint64_t kAllPriorities = 0xff;
  std::uint64_t control;
  asm volatile("mrs %0, S3_0_C12_C12_5" : "=r"(control));                 // ICC_SRE_EL1
  asm volatile("msr S3_0_C12_C12_5, %0; isb" : : "r"(control | 1));       // use these registers
  asm volatile("msr S3_0_C4_C6_0, %0" : : "r"(kAllPriorities));           // ICC_PMR_EL1
  asm volatile("msr S3_0_C12_C12_7, %0; isb" : : "r"(std::uint64_t{1}));  // ICC_IGRPEN1_EL1
}

void set_level_triggered(const Mmio& distributor, std::uint32_t number) {
  const auto place = kTriggers + 4 * (number / 16);
  distributor.set(place, distributor.get<std::uint32_t>(place) & ~(std::uint32_t{3} << 2 * (number % 16)));
}

auto acknowledge() -> std::uint32_t {
  std::uint64_t number;
  asm volatile("mrs %0, S3_0_C12_C12_0; dsb sy" : "=r"(number) : : "memory");  // ICC_IAR1_EL1
  return static_cast<std::uint32_t>(number);
}

void end(std::uint32_t number) {
  asm volatile("msr S3_0_C12_C12_1, %0; isb" : : "r"(std::uint64_t{number}) : "memory");  // ICC_EOIR1_EL1
}

void set_timer(std::uint64_t microseconds) {
  constexpr std::uint64_t kLongest = 1'000'000;
  std::uint64_t frequency;
  asm volatile("mrs %0, cntfrq_el0" : "=r"(frequency));
  const auto time = microseconds < kLongest ? microseconds : kLongest;
  const auto ticks = time * frequency / 1'000'000 + 1;
  asm volatile("msr cntv_tval_el0, %0; msr cntv_ctl_el0, %1; isb" : : "r"(ticks), "r"(std::uint64_t{1}));
}

void stop_timer() {
  asm volatile("msr cntv_ctl_el0, xzr; isb");
}

}  // namespace

auto take_line(std::uint8_t slot, const Mmio& acknowledge) -> bool {
  constexpr std::uint32_t kGroup1 = 1 << 1;
  constexpr std::uint32_t kRoutesByAffinity = 1 << 4;
  const auto controller = find_controller();
  const auto number = find_line(slot);
  if (!controller || !number) return false;
  line_acknowledge = acknowledge;
  line_number = *number;
  map_device(controller->distributor, kDistributorSize);
  map_device(controller->redistributor, kRedistributorSize);
  const Mmio distributor{controller->distributor};
  const Mmio redistributor{controller->redistributor};
  distributor.set(kDistributorControl, kRoutesByAffinity | kGroup1);
  start_redistributor(redistributor);
  start_cpu_interface();
  enable(redistributor.from(kPrivateFrame), kTimer);
  set_level_triggered(distributor, *number);
  distributor.set(kRoutes + 8 * *number, std::uint64_t{0});  // the first CPU
  enable(distributor, *number);
  return true;
}

void wait(std::optional<std::uint64_t> microseconds) {
  if (microseconds) set_timer(*microseconds);
  asm volatile("dsb sy; wfi" : : : "memory");
  if (microseconds) stop_timer();
  for (auto number = acknowledge(); number < kFirstSpecial; number = acknowledge()) {
    if (number == line_number) {
      ++taken;
      static_cast<void>(line_acknowledge.get<std::uint8_t>(0));
    }
    end(number);
  }
}

auto count() -> std::uint64_t {
  return taken;
}

}  // namespace guest::gic
