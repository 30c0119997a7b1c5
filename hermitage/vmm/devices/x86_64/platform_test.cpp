// The devices at each port and address of an x86_64 guest, and their behavior.
#include "hermitage/vmm/devices/x86_64/platform.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "hermitage/vmm/files/guest_files.hpp"
#include "hermitage/vmm/serial.hpp"

namespace hermitage::vmm::x86_64 {
namespace {

// A vCPU with registers that a test sets.
class FakeVcpu final : public Initiator {
 public:
  [[nodiscard]] auto hypercall_argument() const noexcept -> std::uint64_t override { return argument; }
  [[nodiscard]] auto paging() const noexcept -> PagingState override { return {}; }

  std::uint64_t argument = 0;
};

class PlatformTest : public ::testing::TestWithParam<std::uint32_t> {
 protected:
  template <class Value>
  auto read(const Bus& bus, std::uint64_t address) -> Value {
    Value value{};
    const auto data = std::as_writable_bytes(std::span{&value, 1});
    outcome = bus.device_at(address, data.size()).read({.address = address, .vcpu = &vcpu}, data);
    return value;
  }
  template <class Value>
  void write(const Bus& bus, std::uint64_t address, Value value) {
    const auto data = std::as_bytes(std::span{&value, 1});
    outcome = bus.device_at(address, data.size()).write({.address = address, .vcpu = &vcpu}, data);
  }
  [[nodiscard]] auto name(const Bus& bus, std::uint64_t address, bool is_write) const -> std::string {
    return bus.device_at(address, 1).name_of(address, is_write);
  }
  [[nodiscard]] auto fault() const -> std::string {
    const auto* const fault = std::get_if<GuestFault>(&outcome);
    return fault == nullptr ? "" : fault->reason;
  }

  entry::UhyveInterfaceVersion interface{GetParam()};
  GuestMemory memory = std::move(GuestMemory::allocate(memory_bounds(interface).start, 1 << 20, {}).value());
  GuestFiles files{"/tmp"};
  Serial serial = Serial::open(OutputBuffer{}).value();
  ArgumentVectors arguments;
  Hypercalls hypercalls{
      interface,
      {.memory = memory, .files = files, .serial = serial, .arguments = arguments, .trace = {}, .is_stopping = {}}};
  std::vector<std::string> lines;
  Warnings warnings{[this](std::string_view line) { lines.emplace_back(line); }};
  Platform platform{hypercalls, warnings};
  FakeVcpu vcpu;
  AccessOutcome outcome;
};

TEST_P(PlatformTest, HasAPlaceForEachDevice) {
  EXPECT_TRUE(platform.fits());
}

TEST_P(PlatformTest, HasEachHypercallOfTheInterface) {
  for (const auto port : Hypercalls::ports(interface)) {
    EXPECT_EQ(name(platform.ports(), port, true), Hypercalls::exit_name(interface, port)) << port;
    EXPECT_EQ(name(platform.ports(), port + 1U, true), "port write");
    EXPECT_EQ(name(platform.ports(), port - 1U, true), "port write");
  }
}

TEST_P(PlatformTest, TakesHypercalls) {
  const bool is_first = GetParam() == 1;
  vcpu.argument = 'x';
  write<std::uint32_t>(platform.ports(), is_first ? 0x800 : 0x1020, is_first ? 'x' : 0);
  EXPECT_TRUE(std::holds_alternative<Resume>(outcome));
  EXPECT_EQ(serial.take_buffer(), "x");
  vcpu.argument = 1;
  write<std::uint32_t>(platform.ports(), is_first ? 0x400 : 0x1100, is_first ? UINT32_MAX : 0);
  EXPECT_NE(fault().find("invalid hypercall write: "), std::string::npos) << fault();
}

// With interface 1, a collected write contains its data. With the others, the register is no longer available.
TEST_P(PlatformTest, TakesCollectedWrites) {
  const std::array bytes{std::byte{'y'}};
  const std::uint64_t port = GetParam() == 1 ? 0x800 : 0x1020;
  outcome = platform.ports().device_at(port, 1).write({.address = port}, bytes);
  EXPECT_TRUE(std::holds_alternative<Resume>(outcome));
  EXPECT_EQ(serial.take_buffer(), GetParam() == 1 ? "y" : std::string(1, '\0'));
}

TEST_P(PlatformTest, ReadsOfHypercallsAreForInterfaces2And3) {
  const bool is_first = GetParam() == 1;
  EXPECT_EQ(read<std::uint8_t>(platform.ports(), is_first ? 0x800 : 0x1010), is_first ? 0xff : 0);
  EXPECT_EQ(name(platform.ports(), is_first ? 0x800 : 0x1010, false), is_first ? "port read" : "hypercall exit");
}

TEST_P(PlatformTest, HasNoPciDevice) {
  write<std::uint32_t>(platform.ports(), 0xcf8, 0x8000'1234);
  EXPECT_EQ(read<std::uint32_t>(platform.ports(), 0xcf8), 0x8000'1234U);
  EXPECT_EQ(read<std::uint32_t>(platform.ports(), 0xcfc), UINT32_MAX);
  EXPECT_EQ(read<std::uint16_t>(platform.ports(), 0xcfe), UINT16_MAX);
  EXPECT_EQ(read<std::uint8_t>(platform.ports(), 0xcf8), UINT8_MAX);
  write<std::uint8_t>(platform.ports(), 0xcf8, 1);
  EXPECT_EQ(read<std::uint32_t>(platform.ports(), 0xcf8), 0x8000'1234U) << "only a whole one counts";
  EXPECT_EQ(name(platform.ports(), 0xcf8, true), "pci write");
  EXPECT_EQ(name(platform.ports(), 0xcff, false), "pci read");
  EXPECT_TRUE(lines.empty());
}

TEST_P(PlatformTest, WarnsOfOtherPortsOnce) {
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(read<std::uint16_t>(platform.ports(), 0x60), UINT16_MAX);
    write<std::uint8_t>(platform.ports(), 0x70, 1);
  }
  EXPECT_EQ(lines, (std::vector<std::string>{"reads from I/O port 0x60, which has no device",
                                             "writes to I/O port 0x70, which has no device"}));
  for (std::uint64_t port = 0x100; port < 0x200; ++port) write<std::uint8_t>(platform.ports(), port, 1);
  EXPECT_EQ(lines.size(), Warnings::kMax);
}

TEST_P(PlatformTest, HasBiosAreasThatAreEmpty) {
  for (const std::uint64_t address : {0x9'f000U, 0x9'fff8U, 0xf'0000U, 0xf'fff8U}) {
    EXPECT_EQ(read<std::uint64_t>(platform.memory(), address), 0U);
    EXPECT_TRUE(std::holds_alternative<Resume>(outcome));
    write<std::uint64_t>(platform.memory(), address, 1);
    EXPECT_NE(fault().find("it writes 8 bytes at"), std::string::npos);
  }
  // KVM splits an access at the end of a page.
  using Three = std::array<std::uint8_t, 3>;
  EXPECT_EQ(read<Three>(platform.memory(), 0xf'0ffd), Three{});
  EXPECT_TRUE(std::holds_alternative<Resume>(outcome));
}

TEST_P(PlatformTest, EndsAGuestThatLeavesItsMemory) {
  for (const std::uint64_t address : {0x9'effcU, 0xa'0000U, 0xe'fffcU, 0x10'0000U}) {
    read<std::uint32_t>(platform.memory(), address);
    EXPECT_EQ(fault().find("it reads 4 bytes at 0x"), 0U) << fault();
    EXPECT_EQ(name(platform.memory(), address, false), "memory read");
  }
}

// A function whose registers contain their own address.
class FakeFunction final : public pci::Function {
 public:
  void read_config(std::size_t offset, std::span<std::byte> data) override {
    for (auto& byte : data) byte = static_cast<std::byte>(offset++);
  }
  void write_config(std::size_t offset, std::span<const std::byte> data) override { written = {offset, data.size()}; }
  [[nodiscard]] auto bar_offset(std::uint64_t address, std::size_t size) const -> std::optional<std::size_t> override {
    if (address < kBar || address + size > kBar + 0x100) return std::nullopt;
    return address - kBar;
  }
  void read_bar(std::size_t offset, std::span<std::byte> data) override {
    for (auto& byte : data) byte = static_cast<std::byte>(offset++);
  }
  void write_bar(std::size_t offset, std::span<const std::byte> data) override { written = {offset, data.size()}; }

  static constexpr std::uint64_t kBar = 0xfe00'0000;
  std::pair<std::size_t, std::size_t> written = {};
};

TEST_P(PlatformTest, LeadsToAFunctionByItsPorts) {
  FakeFunction function;
  ASSERT_TRUE(platform.add_function(function, {GuestAddress{0xe000'0000}, GuestAddress{0xfec0'0000}}));
  const auto& ports = platform.ports();
  write<std::uint32_t>(ports, 0xcf8, 0x8000'0000);
  EXPECT_EQ(read<std::uint32_t>(ports, 0xcfc), 0x0d57'8086U);  // the host bridge
  write<std::uint32_t>(ports, 0xcf8, 0x8000'0810);
  EXPECT_EQ(read<std::uint32_t>(ports, 0xcfc), 0x1312'1110U);
  EXPECT_EQ(read<std::uint16_t>(ports, 0xcfe), 0x1312);
  EXPECT_EQ(read<std::uint8_t>(ports, 0xcff), 0x13);
  write<std::uint16_t>(ports, 0xcfe, 0);
  EXPECT_EQ(function.written, (std::pair<std::size_t, std::size_t>{0x12, 2}));
  // Another slot, function or bus, and an address that is not enabled.
  for (const std::uint32_t address : {0x8000'1010U, 0x8000'0910U, 0x8001'0810U, 0x0000'0810U}) {
    write<std::uint32_t>(ports, 0xcf8, address);
    EXPECT_EQ(read<std::uint32_t>(ports, 0xcfc), UINT32_MAX) << address;
    write<std::uint32_t>(ports, 0xcfc, 0);
  }
}

TEST_P(PlatformTest, LeadsToAFunctionByItsBar) {
  FakeFunction function;
  ASSERT_TRUE(platform.add_function(function, {GuestAddress{0xe000'0000}, GuestAddress{0xfec0'0000}}));
  EXPECT_EQ(read<std::uint32_t>(platform.memory(), 0xfe00'0004), 0x0706'0504U);
  EXPECT_TRUE(std::holds_alternative<Resume>(outcome));
  write<std::uint64_t>(platform.memory(), 0xfe00'0008, 1);
  EXPECT_EQ(function.written, (std::pair<std::size_t, std::size_t>{8, 8}));
  EXPECT_EQ(name(platform.memory(), 0xfe00'0000, true), "device write");
  read<std::uint32_t>(platform.memory(), 0xfe00'0100);
  EXPECT_EQ(fault().find("it reads 4 bytes at 0xfe000100"), 0U) << fault();
}

TEST(PciWindow, KeepsOutOfTheGuestsMemory) {
  const auto window = [](std::uint64_t start, std::uint64_t end) {
    const auto [range, bar] = pci_window({GuestAddress{start}, GuestAddress{end}});
    EXPECT_TRUE(range.end.value <= start || range.start.value >= end);
    EXPECT_GE(bar.value, range.start.value);
    EXPECT_LT(bar.value + 0x10000, range.end.value);
    return std::pair{range.start.value, bar.value};
  };
  constexpr std::uint64_t kGiB = std::uint64_t{1} << 30;
  EXPECT_EQ(window(0, 64 << 20), std::pair(std::uint64_t{0xe000'0000}, std::uint64_t{0xfe00'0000}));
  EXPECT_EQ(window(4 * kGiB, 8 * kGiB), std::pair(std::uint64_t{0xe000'0000}, std::uint64_t{0xfe00'0000}));
  EXPECT_EQ(window(0, 0xf000'0000), std::pair(std::uint64_t{0xf000'0000}, std::uint64_t{0xfe00'0000}));
  EXPECT_EQ(window(0, 4 * kGiB), std::pair(4 * kGiB, 4 * kGiB));
  EXPECT_EQ(window(0, 5 * kGiB + 4096), std::pair(6 * kGiB, 6 * kGiB));
}

TEST_P(PlatformTest, CoalescesOutputOfInterface1Only) {
  bool has_output = false;
  for (const auto& ports : coalesced_ports(interface)) has_output |= ports.is_output;
  EXPECT_EQ(has_output, GetParam() == 1);
  EXPECT_EQ(zero_ranges(interface, {1 << 30}).size(), GetParam() == 1 ? 2U : 0U);
  EXPECT_TRUE(zero_ranges(interface, {0}).empty());
}

INSTANTIATE_TEST_SUITE_P(Interface, PlatformTest, ::testing::Values(1, 2, 3),
                         [](const auto& test) { return "if" + std::to_string(test.param); });

}  // namespace
}  // namespace hermitage::vmm::x86_64
