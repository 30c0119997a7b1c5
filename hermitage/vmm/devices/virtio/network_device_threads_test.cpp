// A vCPU that uses the card, its I/O thread, frames in both directions, and resets at the same time. For
// ThreadSanitizer.
#include <atomic>
#include <chrono>
#include <cstdint>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <linux/virtio_pci.h>

#include "hermitage/vmm/devices/virtio/driver_testing.hpp"
#include "hermitage/vmm/devices/virtio/network_device.hpp"
#include "hermitage/vmm/devices/virtio/pci_transport.hpp"

namespace hermitage::vmm::virtio {
namespace {

using testing::Buffer;
using testing::DriverQueue;
using testing::FakeBackend;
using testing::FakeInterrupts;
using testing::frame_of;

constexpr std::uint64_t kMemory = 1 << 20;
constexpr std::uint16_t kSize = 16;
constexpr std::uint64_t kRings = 0x1000;
constexpr std::uint64_t kData = 0x10000;
constexpr std::uint32_t kBuffer = 0x800;

class NetworkThreadsTest : public ::testing::Test {
 protected:
  template <class T>
  void set(std::size_t offset, T value) {
    transport.write_bar(offset, std::as_bytes(std::span{&value, 1}));
  }
  template <class T>
  [[nodiscard]] auto get(std::size_t offset) -> T {
    T value{};
    transport.read_bar(offset, std::as_writable_bytes(std::span{&value, 1}));
    return value;
  }

  // A driver that starts the device, uses it for a while, and resets it. After that, the driver owns the rings.
  void drive(unsigned round) {
    set<std::uint8_t>(VIRTIO_PCI_COMMON_STATUS, 0);
    const auto bytes = memory.span(GuestAddress{kRings}, 0x3000).value();
    std::ranges::fill(bytes, std::byte{});
    std::vector<DriverQueue> drivers;
    for (std::uint64_t i = 0; i < 2; ++i) drivers.emplace_back(memory, kRings + 0x1000 * i, kSize);
    set<std::uint8_t>(VIRTIO_PCI_COMMON_STATUS, 3);
    set<std::uint32_t>(VIRTIO_PCI_COMMON_GFSELECT, 1);
    set<std::uint32_t>(VIRTIO_PCI_COMMON_GF, 1);
    set<std::uint8_t>(VIRTIO_PCI_COMMON_STATUS, 3 | kFeaturesOk);
    for (std::uint16_t i = 0; i < 2; ++i) {
      const auto& layout = drivers[i].layout();
      set<std::uint16_t>(VIRTIO_PCI_COMMON_Q_SELECT, i);
      set<std::uint16_t>(VIRTIO_PCI_COMMON_Q_SIZE, kSize);
      set<std::uint64_t>(VIRTIO_PCI_COMMON_Q_DESCLO, layout.descriptors.value);
      set<std::uint64_t>(VIRTIO_PCI_COMMON_Q_AVAILLO, layout.available.value);
      set<std::uint64_t>(VIRTIO_PCI_COMMON_Q_USEDLO, layout.used.value);
      set<std::uint16_t>(VIRTIO_PCI_COMMON_Q_ENABLE, 1);
    }
    set<std::uint8_t>(VIRTIO_PCI_COMMON_STATUS, 3 | kFeaturesOk | kDriverOk);
    for (std::uint16_t i = 0; i < kSize; ++i) {
      drivers[0].make_available(i, std::vector<Buffer>{{kData + std::uint64_t{kBuffer} * i, kBuffer, true}});
    }
    set<std::uint16_t>(PciTransport::kNotifyOffset, 0);
    for (unsigned i = 0; i < 8 + round % 8; ++i) {
      drivers[1].make_available(static_cast<std::uint16_t>(i), std::vector<Buffer>{{0x80000, 100}});
      set<std::uint16_t>(PciTransport::kNotifyOffset + 4, 1);
      seen += get<std::uint8_t>(0x1000) + get<std::uint16_t>(0x2006);
    }
    // Some rounds end before the device has processed any of their buffers.
    if (round % 3 == 0) wait_for_service(drivers[1]);
  }

  static void wait_for_service(const DriverQueue& queue) {
    while (queue.used_index() == 0) std::this_thread::yield();
  }

  GuestMemory memory = std::move(GuestMemory::allocate(GuestAddress{0}, kMemory, {}).value());
  FakeBackend backend;
  FakeInterrupts interrupts;
  std::atomic<bool> is_awake = false;
  std::atomic<unsigned> seen = 0;
  NetworkDevice device{backend, {.mac = {2, 0, 0, 0, 0, 1}}, [](const std::string&) {}};
  PciTransport transport{device,
                         {.memory = memory,
                          .interrupts = interrupts,
                          .wake = [this] { is_awake = true; },
                          .warn = [](const std::string& line) { ADD_FAILURE() << line; }},
                         0xfe00'0000,
                         11};
};

TEST_F(NetworkThreadsTest, DriveAndServeAndResetAtOnce) {
  constexpr unsigned kRounds = 300;
  std::atomic<bool> is_over = false;
  std::thread io{[&] {
    for (unsigned i = 0; !is_over; ++i) {
      if (i % 4 == 0) backend.add(frame_of(200, i));
      if (i % 64 == 0) transport.on_line_acknowledged();
      while (transport.service() && !is_over) {
      }
      if (!is_awake.exchange(false)) std::this_thread::yield();
    }
  }};
  std::thread other_vcpu{[&] {
    while (!is_over) {
      seen += get<std::uint8_t>(VIRTIO_PCI_COMMON_STATUS) + get<std::uint8_t>(0x1000);
      std::uint32_t value = 0;
      transport.read_config(4, std::as_writable_bytes(std::span{&value, 1}));
      std::this_thread::yield();
    }
  }};
  for (unsigned round = 0; round < kRounds; ++round) drive(round);
  set<std::uint8_t>(VIRTIO_PCI_COMMON_STATUS, 0);
  is_over = true;
  io.join();
  other_vcpu.join();
  EXPECT_FALSE(backend.sent.empty());
  EXPECT_GT(interrupts.lines, 0);
}

// A thread that continuously serves frames does not prevent a reset by a vCPU.
TEST_F(NetworkThreadsTest, ResetUnderAFlood) {
  drive(1);
  std::atomic<bool> is_over = false;
  std::atomic<bool> has_begun = false;
  std::thread io{[&] {
    while (!is_over) {
      [[maybe_unused]] const bool has_more = transport.service();
      has_begun = true;
    }
  }};
  while (!has_begun) std::this_thread::yield();
  for (int i = 0; i < 200; ++i) set<std::uint8_t>(VIRTIO_PCI_COMMON_STATUS, 0);
  is_over = true;
  io.join();
  EXPECT_EQ(get<std::uint8_t>(VIRTIO_PCI_COMMON_STATUS), 0);
}

}  // namespace
}  // namespace hermitage::vmm::virtio
