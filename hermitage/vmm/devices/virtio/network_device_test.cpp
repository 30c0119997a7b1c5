#include "hermitage/vmm/devices/virtio/network_device.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <sys/epoll.h>

#include "hermitage/vmm/devices/virtio/driver_testing.hpp"

namespace hermitage::vmm::virtio {
namespace {

using net::kHeaderSize;
using testing::Buffer;
using testing::Bytes;
using testing::DriverQueue;
using testing::FakeBackend;
using testing::frame_of;

constexpr std::uint64_t kMemory = 1 << 20;
constexpr std::uint16_t kSize = 8;
constexpr std::uint64_t kData = 0x10000;
constexpr MacAddress kMac{0x52, 0x54, 0, 1, 2, 3};

auto has(std::uint64_t features, std::uint64_t feature) -> bool {
  return (features & feature) != 0;
}

class NetworkDeviceTest : public ::testing::Test {
 protected:
  void start(std::uint64_t features, QueueFeatures queue_features = {}) {
    ASSERT_TRUE(device.activate(features));
    auto* queue = queues.data();
    for (auto* const driver : {&receive, &transmit, &control}) {
      *queue++ = Queue::make(memory, driver->layout(), queue_features).value();
    }
  }
  auto serve() -> Serviced {
    const auto serviced = device.service(queues);
    for (auto& queue : queues) {
      if (queue) [[maybe_unused]]
        const bool interrupts = queue->publish();
    }
    EXPECT_TRUE(serviced) << (serviced ? "" : serviced.error().what);
    return serviced.value_or(Serviced{});
  }
  // The byte with which the device replies to a command, or 0xee without a reply.
  auto command(const Bytes& bytes) -> unsigned {
    const auto target = memory.span(GuestAddress{kData}, bytes.size() + 1).value();
    std::ranges::copy(bytes, target.begin());
    target[bytes.size()] = std::byte{0xee};
    control.make_available(
        0, std::vector<Buffer>{{kData, static_cast<std::uint32_t>(bytes.size())}, {kData + bytes.size(), 1, true}});
    serve();
    return std::to_integer<unsigned>(target[bytes.size()]);
  }
  void put(std::uint64_t address, const Bytes& bytes) {
    std::ranges::copy(bytes, memory.span(GuestAddress{address}, bytes.size()).value().begin());
  }
  [[nodiscard]] auto bytes_at(std::uint64_t address, std::size_t size) const -> Bytes {
    const auto bytes = memory.span(GuestAddress{address}, size).value();
    return {bytes.begin(), bytes.end()};
  }
  // The received frame: its header contains the number of buffers.
  static auto in_buffers(Bytes frame, std::uint16_t count) -> Bytes {
    std::memcpy(frame.data() + 10, &count, sizeof count);
    return frame;
  }

  GuestMemory memory = std::move(GuestMemory::allocate(GuestAddress{0}, kMemory, {}).value());
  FakeBackend backend;
  std::vector<std::string> warnings;
  NetworkDevice device{
      backend, {.mac = kMac, .mtu = 1400}, [this](const std::string& line) { warnings.push_back(line); }};
  std::vector<std::optional<Queue>> queues{3};
  DriverQueue receive{memory, 0x1000, kSize};
  DriverQueue transmit{memory, 0x2000, kSize};
  DriverQueue control{memory, 0x3000, kSize};
};

TEST_F(NetworkDeviceTest, OffersWhatItsBackendCanDo) {
  const auto without = device.features();
  EXPECT_TRUE(has(without, net::feature::kMac));
  EXPECT_TRUE(has(without, net::feature::kMtu));
  EXPECT_FALSE(has(without, net::feature::kCsum));
  EXPECT_FALSE(has(without, net::feature::kCtrlGuestOffloads));
  backend.offered = (net::feature::kCsum | net::feature::kGuestCsum | net::feature::kGuestTso4);
  EXPECT_EQ(device.features(), without | backend.offered | (net::feature::kCtrlGuestOffloads));
  const NetworkDevice plain{backend, {.mac = kMac}, [](const std::string&) {}};
  EXPECT_FALSE(has(plain.features(), net::feature::kMtu));
}

TEST_F(NetworkDeviceTest, SaysItsAddressAndMtu) {
  std::array<std::byte, 16> config{};
  device.read_config(0, config);
  EXPECT_EQ(std::memcmp(config.data(), kMac.data(), kMac.size()), 0);
  EXPECT_EQ(std::to_integer<int>(config[6]), 1);  // the link is up
  EXPECT_EQ(std::to_integer<int>(config[8]), 1);  // one pair of queues
  EXPECT_EQ(std::to_integer<unsigned>(config[10]) | std::to_integer<unsigned>(config[11]) << 8, 1400U);
  EXPECT_EQ(config[12], std::byte{});
  std::array<std::byte, 4> part{};
  device.read_config(5, part);
  EXPECT_EQ(part[0], std::byte{kMac[5]});
  device.read_config(1 << 20, part);
  EXPECT_EQ(part[0], std::byte{});
}

TEST_F(NetworkDeviceTest, TellsTheBackendWhatTheDriverTook) {
  backend.offered =
      (net::feature::kCsum | net::feature::kHostTso4 | net::feature::kGuestCsum | net::feature::kGuestTso4);
  start(backend.offered | (net::feature::kMac));
  EXPECT_EQ(backend.set.back(), backend.offered);
  // Segmentation without checksums has no effect.
  start((net::feature::kHostTso4 | net::feature::kGuestTso4 | net::feature::kCsum));
  EXPECT_EQ(backend.set.back(), (net::feature::kHostTso4 | net::feature::kCsum));
}

TEST_F(NetworkDeviceTest, SendsFramesHoweverTheyLie) {
  start(0);
  const auto frame = frame_of(100, 1);
  put(kData, frame);
  transmit.make_available(0, std::vector<Buffer>{{kData, 112}});
  transmit.make_available(1, std::vector<Buffer>{{kData, 5}, {kData + 5, 8}, {kData + 13, 99}});
  serve();
  ASSERT_EQ(backend.sent.size(), 2U);
  EXPECT_EQ(backend.sent[0], frame);
  EXPECT_EQ(backend.sent[1], frame);
  EXPECT_EQ(transmit.used_index(), 2);
  EXPECT_EQ(transmit.used(1), std::pair(1U, 0U));
}

TEST_F(NetworkDeviceTest, SendsFramesInManyPieces) {
  start(0, {.indirect_descriptors = true});
  const auto frame = frame_of(188, 1);
  put(kData, frame);
  for (std::uint16_t i = 0; i < 200; ++i) {
    transmit.set_descriptor_at(0x8000, i, kData + i, 1, i == 199 ? 0 : kDescriptorNext, i + 1);
  }
  transmit.set_descriptor(0, 0x8000, 200 * 16, kDescriptorIndirect, 0);
  transmit.publish(0);
  serve();
  ASSERT_EQ(backend.sent.size(), 1U);
  EXPECT_EQ(backend.sent[0], frame);
}

TEST_F(NetworkDeviceTest, DropsWhatIsNoFrame) {
  start(0);
  transmit.make_available(0, std::vector<Buffer>{{kData, kHeaderSize}});
  transmit.make_available(1, std::vector<Buffer>{{kData, 40, true}});
  transmit.make_available(2, std::vector<Buffer>{{kData, net::kMaxFrame + 1}});
  serve();
  EXPECT_TRUE(backend.sent.empty());
  EXPECT_EQ(transmit.used_index(), 3);
}

TEST_F(NetworkDeviceTest, KeepsAFrameUntilTheBackendTakesIt) {
  start(0);
  backend.is_full = true;
  put(kData, frame_of(50, 1));
  for (std::uint16_t i = 0; i < 3; ++i) transmit.make_available(i, std::vector<Buffer>{{kData, 62}});
  EXPECT_FALSE(serve().has_more);
  EXPECT_EQ(transmit.used_index(), 0);
  EXPECT_EQ(device.interest(), static_cast<std::uint32_t>(EPOLLOUT));
  backend.is_full = false;
  serve();
  EXPECT_EQ(backend.sent.size(), 3U);
  EXPECT_EQ(transmit.used_index(), 3);
  EXPECT_EQ(device.interest() & EPOLLOUT, 0U);
}

TEST_F(NetworkDeviceTest, ReceivesFrames) {
  start(0);
  const auto first = frame_of(60, 1);
  const auto second = frame_of(300, 2);
  backend.add(first);
  backend.add(second);
  receive.make_available(0, std::vector<Buffer>{{kData, 1000, true}});
  receive.make_available(1, std::vector<Buffer>{{kData + 0x1000, 12, true}, {kData + 0x2000, 500, true}});
  receive.make_available(3, std::vector<Buffer>{{kData + 0x3000, 1000, true}});
  serve();
  EXPECT_EQ(receive.used_index(), 2);
  EXPECT_EQ(receive.used(0), std::pair(0U, 72U));
  EXPECT_EQ(receive.used(1), std::pair(1U, 312U));
  EXPECT_EQ(bytes_at(kData, 72), in_buffers(first, 1));
  const Bytes rest(second.begin() + 12, second.end());
  EXPECT_EQ(bytes_at(kData + 0x2000, 300), rest);
  EXPECT_EQ(device.interest(), static_cast<std::uint32_t>(EPOLLIN));
}

TEST_F(NetworkDeviceTest, AddressesFramesForNobodyToTheGuest) {
  start(0);
  auto unaddressed = frame_of(60, 1);
  std::fill_n(unaddressed.begin() + net::kHeaderSize, 6, std::byte{0});
  auto for_others = unaddressed;
  for_others[net::kHeaderSize + 5] = std::byte{1};
  backend.add(unaddressed);
  backend.add(for_others);
  receive.make_available(0, std::vector<Buffer>{{kData, 1000, true}});
  receive.make_available(1, std::vector<Buffer>{{kData + 0x1000, 1000, true}});
  serve();
  std::ranges::copy(std::as_bytes(std::span{device.mac()}), unaddressed.begin() + net::kHeaderSize);
  EXPECT_EQ(bytes_at(kData, 72), in_buffers(unaddressed, 1));
  EXPECT_EQ(bytes_at(kData + 0x1000, 72), in_buffers(for_others, 1));
}

TEST_F(NetworkDeviceTest, ReadsNothingWithoutBuffers) {
  start(0);
  backend.add(frame_of(60, 1));
  EXPECT_FALSE(serve().has_more);
  EXPECT_EQ(backend.incoming.size(), 1U);
  EXPECT_EQ(device.interest(), 0U);
  EXPECT_EQ(receive.used_flags(), 0);  // the driver must notify the device of new buffers
  receive.make_available(0, std::vector<Buffer>{{kData, 100, true}});
  serve();
  EXPECT_EQ(receive.used_index(), 1);
}

TEST_F(NetworkDeviceTest, MergesBuffersWhereTheDriverDoes) {
  start((net::feature::kMrgRxbuf));
  const auto frame = frame_of(250, 1);
  backend.add(frame);
  for (std::uint16_t i = 0; i < 4; ++i) {
    receive.make_available(i, std::vector<Buffer>{{kData + 0x1000U * i, 100, true}});
  }
  serve();
  ASSERT_EQ(receive.used_index(), 3);
  EXPECT_EQ(receive.used(0), std::pair(0U, 100U));
  EXPECT_EQ(receive.used(2), std::pair(2U, 62U));
  auto whole = bytes_at(kData, 100);
  for (const auto& [start, size] : {std::pair{kData + 0x1000, 100U}, std::pair{kData + 0x2000, 62U}}) {
    const auto part = bytes_at(start, size);
    whole.insert(whole.end(), part.begin(), part.end());
  }
  EXPECT_EQ(whole, in_buffers(frame, 3));
}

TEST_F(NetworkDeviceTest, WaitsForAsManyBuffersAsAFrameTakes) {
  start((net::feature::kMrgRxbuf), {.event_index = true});
  backend.add(frame_of(250, 1));
  receive.make_available(0, std::vector<Buffer>{{kData, 100, true}});
  receive.make_available(1, std::vector<Buffer>{{kData, 100, true}});
  serve();
  EXPECT_EQ(receive.used_index(), 0);
  EXPECT_EQ(device.interest(), 0U);
  EXPECT_EQ(receive.available_event(), 2);  // the available buffers are not sufficient
  receive.make_available(2, std::vector<Buffer>{{kData, 100, true}});
  serve();
  EXPECT_EQ(receive.used_index(), 3);
}

TEST_F(NetworkDeviceTest, DropsFramesThatFitNowhere) {
  start(0);
  backend.add(frame_of(250, 1));
  backend.add(frame_of(20, 2));
  receive.make_available(0, std::vector<Buffer>{{kData, 100, true}});
  serve();
  EXPECT_EQ(receive.used_index(), 1);
  EXPECT_EQ(receive.used(0), std::pair(0U, 32U));

  start((net::feature::kMrgRxbuf));
  receive = DriverQueue{memory, 0x4000, kSize};
  queues[0] = Queue::make(memory, receive.layout(), {}).value();
  backend.add(frame_of(2000, 3));
  backend.add(frame_of(20, 4));
  for (std::uint16_t i = 0; i < kSize; ++i) receive.make_available(i, std::vector<Buffer>{{kData, 100, true}});
  serve();
  EXPECT_EQ(receive.used_index(), 1);
}

TEST_F(NetworkDeviceTest, BreaksWithTheQueue) {
  start(0);
  transmit.publish(kSize);
  const auto serviced = device.service(queues);
  ASSERT_FALSE(serviced);
  EXPECT_EQ(serviced.error().what, "queue 1 names a descriptor that there is not");
}

TEST_F(NetworkDeviceTest, WaitsForNothingOnceItIsStopped) {
  start(0);
  receive.make_available(0, std::vector<Buffer>{{kData, 100, true}});
  serve();
  EXPECT_NE(device.interest(), 0U);
  device.stop();
  EXPECT_EQ(device.interest(), 0U);
}

TEST_F(NetworkDeviceTest, BreaksWithAReceiveBufferThatItIsToRead) {
  start(net::feature::kMrgRxbuf);
  backend.add(frame_of(60, 1));
  receive.make_available(0, std::vector<Buffer>{{kData, 100}});
  const auto serviced = device.service(queues);
  ASSERT_FALSE(serviced);
  EXPECT_EQ(serviced.error().what, "queue 0 has a buffer to read for what is received");
}

// Chains that were checked and given back cause no further checks.
TEST_F(NetworkDeviceTest, IsIdleWhileAFrameWaitsForBuffers) {
  start(net::feature::kMrgRxbuf, {.indirect_descriptors = true});
  backend.add(frame_of(5000, 1));
  for (std::uint16_t i = 0; i < 1024; ++i) {
    receive.set_descriptor_at(0x40000, i, kData + i, 1,
                              i == 1023 ? kDescriptorWrite : kDescriptorWrite | kDescriptorNext,
                              static_cast<std::uint16_t>(i + 1));
  }
  for (std::uint16_t i = 0; i < 2; ++i) {
    receive.set_descriptor(i, 0x40000, 1024 * 16, kDescriptorIndirect, 0);
    receive.publish(i);
  }
  EXPECT_FALSE(serve().has_more);
  EXPECT_EQ(receive.used_index(), 0);
}

TEST_F(NetworkDeviceTest, IsDownWhenItsBackendIsClosed) {
  start(0);
  backend.is_closed = true;
  receive.make_available(0, std::vector<Buffer>{{kData, 100, true}});
  const auto serviced = serve();
  EXPECT_TRUE(serviced.config_changed);
  EXPECT_TRUE(serviced.has_more);  // pending frames to send are dropped
  EXPECT_FALSE(serve().config_changed);
  EXPECT_EQ(warnings, std::vector<std::string>{"the guest's network is down: the test has closed it"});
  EXPECT_EQ(device.interest(), 0U);
  std::array<std::byte, 2> status{};
  device.read_config(6, status);
  EXPECT_EQ(status[0], std::byte{});
  // Sent frames are dropped, but their buffers are returned.
  transmit.make_available(0, std::vector<Buffer>{{kData, 62}});
  serve();
  EXPECT_EQ(transmit.used_index(), 1);
}

TEST_F(NetworkDeviceTest, DoesNotStayInOneRoundForEver) {
  start(0);
  put(kData, frame_of(50, 1));
  // A driver that refills while the device works, as far as one thread can simulate it: more descriptors than the limit
  // of a round.
  std::size_t rounds = 0;
  const DriverQueue large{memory, 0x20000, 1024};
  queues[1] = Queue::make(memory, large.layout(), {.indirect_descriptors = true}).value();
  auto driver = large;
  for (std::uint16_t i = 0; i < 1024; ++i) {
    driver.set_descriptor_at(0x40000, i, kData + i % 50, 1, i == 1023 ? 0 : kDescriptorNext, i + 1);
  }
  for (std::uint16_t i = 0; i < 16; ++i) {
    driver.set_descriptor(i, 0x40000, 1024 * 16, kDescriptorIndirect, 0);
    driver.publish(i);
  }
  while (serve().has_more) ++rounds;
  EXPECT_GE(rounds, 4U);
  EXPECT_EQ(backend.sent.size(), 16U);
}

TEST_F(NetworkDeviceTest, ObeysCommands) {
  backend.offered = (net::feature::kGuestCsum | net::feature::kGuestTso4);
  start(
      (net::feature::kCtrlVq | net::feature::kCtrlGuestOffloads | net::feature::kGuestCsum | net::feature::kGuestTso4));
  const auto bytes = [](std::initializer_list<unsigned> list) {
    Bytes result;
    for (const auto byte : list) result.push_back(static_cast<std::byte>(byte));
    return result;
  };
  EXPECT_EQ(command(bytes({0, 0, 1})), 0U);                 // promiscuous
  EXPECT_EQ(command(bytes({0, 0})), 1U);                    // without the parameter
  EXPECT_EQ(command(bytes({0, 6, 1})), 1U);                 // no such command
  EXPECT_EQ(command(bytes({2, 0, 5, 0})), 0U);              // a VLAN
  EXPECT_EQ(command(bytes({1, 0, 0, 0, 0, 0})), 0U);        // an empty table of addresses
  EXPECT_EQ(command(bytes({1, 1, 2, 3, 4, 5, 6, 7})), 0U);  // an address of the card
  EXPECT_EQ(command(bytes({1, 1, 2, 3, 4, 5, 6})), 1U);
  std::array<std::byte, 6> mac{};
  device.read_config(0, mac);
  EXPECT_EQ(mac[5], std::byte{7});
  EXPECT_EQ(command(bytes({5, 0, 2, 0, 0, 0, 0, 0, 0, 0})), 0U);  // checksums, no segments
  EXPECT_EQ(backend.set.back(), (net::feature::kGuestCsum));
  EXPECT_EQ(command(bytes({5, 0, 0, 1, 0, 0, 0, 0, 0, 0})), 1U);  // not negotiated
  EXPECT_EQ(command(bytes({9, 0})), 1U);
  EXPECT_EQ(command(bytes({0})), 1U);
  device.reset();
  device.read_config(0, mac);
  EXPECT_EQ(mac[5], std::byte{kMac[5]});
}

// The driver is told, and sees, that the link goes down and up.
TEST_F(NetworkDeviceTest, TellsTheDriverThatItHasMoved) {
  const auto status = [this] {
    std::array<std::byte, 2> bytes{};
    device.read_config(6, bytes);
    return std::to_integer<int>(bytes[0]);
  };
  constexpr MacAddress kDrivers{2, 0, 0, 0, 0, 7};
  device.move(std::nullopt, kDrivers);
  start(net::feature::kStatus | net::feature::kGuestAnnounce | net::feature::kCtrlVq);
  backend.is_full = true;
  EXPECT_TRUE(serve().config_changed);
  // The network learns its address when it accepts a frame.
  EXPECT_TRUE(backend.sent.empty());
  backend.is_full = false;
  serve();
  ASSERT_EQ(backend.sent.size(), 1U);
  const auto& frame = backend.sent.front();
  ASSERT_EQ(frame.size(), kHeaderSize + 60);
  for (const std::size_t offset : {6U, 22U, 32U}) {
    EXPECT_EQ(std::memcmp(frame.data() + kHeaderSize + offset, kDrivers.data(), kDrivers.size()), 0) << offset;
  }
  serve();
  EXPECT_EQ(backend.sent.size(), 1U);
  // Until it has read that, nothing more happens, and frames pass.
  backend.add(frame_of(60, 1));
  receive.make_available(0, std::vector<Buffer>{{kData, 2000, true}});
  EXPECT_FALSE(serve().config_changed);
  EXPECT_EQ(receive.used_index(), 1);
  EXPECT_FALSE(device.has_config_change());
  EXPECT_EQ(status(), 0);
  EXPECT_TRUE(device.has_config_change());
  EXPECT_TRUE(serve().config_changed);
  EXPECT_FALSE(device.has_config_change());
  EXPECT_EQ(status(), 1 | 2);  // up, and to be announced
  EXPECT_EQ(command({std::byte{3}, std::byte{0}}), 0U);
  EXPECT_EQ(status(), 1);
  EXPECT_FALSE(serve().config_changed);
}

TEST_F(NetworkDeviceTest, KeepsSelectedOffloads) {
  backend.offered = net::feature::kGuestCsum | net::feature::kGuestTso4;
  device.move(net::feature::kGuestCsum, kMac);
  start(backend.offered | net::feature::kCtrlGuestOffloads);
  EXPECT_EQ(backend.set.back(), net::feature::kGuestCsum);
  EXPECT_EQ(device.offloads(), net::feature::kGuestCsum);
  device.reset();
  EXPECT_EQ(device.offloads(), std::nullopt);
  device.move(net::feature::kCsum, kMac);
  EXPECT_FALSE(device.activate(backend.offered | net::feature::kCtrlGuestOffloads));
}

TEST_F(NetworkDeviceTest, LeavesCommandsWithoutAnAnswerAlone) {
  start((net::feature::kCtrlVq));
  control.make_available(0, std::vector<Buffer>{{kData, 3}});
  serve();
  EXPECT_EQ(control.used(0), std::pair(0U, 0U));
}

class VhostDeviceTest : public NetworkDeviceTest {
 protected:
  void start_by_vhost() {
    ASSERT_TRUE(by_vhost.activate(net::feature::kMrgRxbuf | net::feature::kCtrlVq));
    for (std::size_t i = 0; i < queues.size(); ++i) {
      queues[i] = Queue::make(memory, std::array{&receive, &transmit, &control}.at(i)->layout(), {}).value();
    }
  }
  void serve_by_vhost() { serviced = by_vhost.service(queues); }

  testing::FakeVhost vhost;
  NetworkDevice by_vhost{backend, {.mac = kMac}, [](const std::string&) {}, &vhost};
  std::expected<Serviced, Broken> serviced;
};

TEST_F(VhostDeviceTest, LetsVhostServeAllButTheControlQueue) {
  start_by_vhost();
  EXPECT_FALSE(vhost.is_serving());
  EXPECT_EQ(vhost.features, net::feature::kMrgRxbuf | net::feature::kCtrlVq);
  backend.add(frame_of(100, 1));
  receive.make_available(0, std::vector<Buffer>{{kData, 2000, true}});
  transmit.make_available(0, std::vector<Buffer>{{kData, 100}});
  control.make_available(0, std::vector<Buffer>{{kData, 2}, {kData + 2, 1, true}});
  serve_by_vhost();
  ASSERT_TRUE(serviced);
  EXPECT_EQ(vhost.queues[0].descriptors, queues[0]->descriptors().data());
  EXPECT_EQ(vhost.queues[1].descriptors, queues[1]->descriptors().data());
  // vhost handles frames, but not commands.
  EXPECT_EQ(backend.incoming.size(), 1U);
  EXPECT_TRUE(backend.sent.empty());
  EXPECT_TRUE(queues[2]->publish());
  EXPECT_EQ(control.used_index(), 1);
  EXPECT_EQ(by_vhost.interest(), 0U);
}

TEST_F(VhostDeviceTest, ServesOnlyQueuesThatTheDriverHasEnabled) {
  start_by_vhost();
  queues[0].reset();
  serve_by_vhost();
  ASSERT_TRUE(serviced);
  EXPECT_EQ(vhost.queues[0].descriptors, nullptr);
  EXPECT_NE(vhost.queues[1].descriptors, nullptr);
}

TEST_F(VhostDeviceTest, TellsOfInterruptsThatHaveNoEventOfTheirOwn) {
  start_by_vhost();
  by_vhost.set_interrupt(1, 7);
  by_vhost.set_interrupt(2, 8);  // of the control queue, which vhost does not serve
  vhost.queues[0].has_used = true;
  serve_by_vhost();
  ASSERT_TRUE(serviced);
  EXPECT_EQ(serviced->used_queues, 1U);
  EXPECT_EQ(vhost.queues[0].interrupt, kNoEvent);
  EXPECT_EQ(vhost.queues[1].interrupt, 7);
  serve_by_vhost();
  EXPECT_EQ(serviced->used_queues, 0U);
}

TEST_F(VhostDeviceTest, PassesNotificationsOn) {
  for (const unsigned queue : {0U, 1U, 1U, 2U, 1000U}) by_vhost.notify(queue);
  EXPECT_EQ(vhost.queues[0].kicks, 1);
  EXPECT_EQ(vhost.queues[1].kicks, 2);
}

TEST_F(VhostDeviceTest, ServesNothingAfterAResetOrAFault) {
  start_by_vhost();
  serve_by_vhost();
  EXPECT_TRUE(vhost.is_serving());
  by_vhost.reset();
  EXPECT_FALSE(vhost.is_serving());
  serve_by_vhost();
  EXPECT_TRUE(vhost.is_serving());
  by_vhost.stop();
  EXPECT_FALSE(vhost.is_serving());
}

TEST_F(VhostDeviceTest, BreaksWithAFaultOfVhost) {
  start_by_vhost();
  vhost.queues[1].has_fault = true;
  serve_by_vhost();
  ASSERT_FALSE(serviced);
  EXPECT_EQ(serviced.error().what, "queue 1 has a chain that vhost cannot serve");
  vhost.fails = true;
  serve_by_vhost();
  ASSERT_FALSE(serviced);
  EXPECT_EQ(serviced.error().what, "the test lets it fail");
}

}  // namespace
}  // namespace hermitage::vmm::virtio
