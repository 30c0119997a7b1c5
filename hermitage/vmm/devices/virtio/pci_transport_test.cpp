#include "hermitage/vmm/devices/virtio/pci_transport.hpp"

#include <linux/pci_regs.h>
#include <linux/virtio_pci.h>

#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "hermitage/vmm/devices/virtio/driver_testing.hpp"

namespace hermitage::vmm::virtio {
namespace {

using testing::Buffer;
using testing::DriverQueue;
using testing::FakeInterrupts;

constexpr std::uint64_t kMemory = 1 << 20;
constexpr std::uint64_t kBar = 0xfe00'0000;
constexpr std::uint64_t kOwnFeature = 5;
constexpr std::uint16_t kMaxSize = 16;

// A device with two queues that returns each chain unchanged.
class EchoDevice final : public Device {
 public:
  [[nodiscard]] auto id() const noexcept -> std::uint16_t override { return 1; }
  [[nodiscard]] auto pci_class() const noexcept -> std::uint32_t override { return 0x020000; }
  [[nodiscard]] auto name() const noexcept -> const char* override { return "echo"; }
  [[nodiscard]] auto queue_count() const noexcept -> std::uint16_t override { return 2; }
  [[nodiscard]] auto max_queue_size() const noexcept -> std::uint16_t override { return kMaxSize; }
  [[nodiscard]] auto features() const noexcept -> std::uint64_t override { return std::uint64_t{1} << kOwnFeature; }
  void read_config(std::size_t offset, std::span<std::byte> data) const override {
    for (auto& byte : data) byte = static_cast<std::byte>(0x30 + offset++);
  }
  [[nodiscard]] auto activate(std::uint64_t features) -> std::expected<void, Broken> override {
    active = features;
    return {};
  }
  void stop() noexcept override { is_stopped = true; }
  void reset() noexcept override { active = 0; }
  [[nodiscard]] auto service(Queues queues) -> std::expected<Serviced, Broken> override {
    Chain chain;
    for (auto& queue : queues) {
      while (queue) {
        const auto popped = queue->pop(chain);
        if (!popped) return std::unexpected{Broken{popped.error().what}};
        if (!*popped) break;
        queue->push(chain.head, 0);
      }
    }
    return Serviced{.config_changed = std::exchange(config_changes, false), .used_queues = std::exchange(used, 0U)};
  }
  void notify(unsigned queue) noexcept override { notified.push_back(queue); }
  void set_interrupt(unsigned queue, int event) noexcept override { events.at(queue) = event; }

  std::uint64_t active = 0;
  bool config_changes = false;
  bool is_stopped = false;
  std::uint32_t used = 0;  // queues in which other code has returned chains
  std::vector<unsigned> notified = {};
  std::array<int, 2> events{kNoEvent, kNoEvent};
};

class PciTransportTest : public ::testing::Test {
 protected:
  template <class T>
  [[nodiscard]] auto config(std::size_t offset) -> T {
    T value{};
    transport.read_config(offset, std::as_writable_bytes(std::span{&value, 1}));
    return value;
  }
  template <class T>
  void set_config(std::size_t offset, T value) {
    transport.write_config(offset, std::as_bytes(std::span{&value, 1}));
  }
  template <class T>
  [[nodiscard]] auto get(std::size_t offset) -> T {
    T value{};
    transport.read_bar(offset, std::as_writable_bytes(std::span{&value, 1}));
    return value;
  }
  template <class T>
  void set(std::size_t offset, T value) {
    transport.write_bar(offset, std::as_bytes(std::span{&value, 1}));
  }
  [[nodiscard]] auto status() -> std::uint8_t { return get<std::uint8_t>(VIRTIO_PCI_COMMON_STATUS); }
  void set_status(std::uint8_t status) { set<std::uint8_t>(VIRTIO_PCI_COMMON_STATUS, status); }

  void negotiate(std::uint64_t features) {
    set_status(1 | 2);
    for (std::uint32_t half : {0U, 1U}) {
      set<std::uint32_t>(VIRTIO_PCI_COMMON_GFSELECT, half);
      set<std::uint32_t>(VIRTIO_PCI_COMMON_GF, static_cast<std::uint32_t>(features >> (32 * half)));
    }
    set_status(1 | 2 | kFeaturesOk);
  }
  void enable(std::uint16_t number, const QueueLayout& layout, std::uint16_t vector = VIRTIO_MSI_NO_VECTOR) {
    set<std::uint16_t>(VIRTIO_PCI_COMMON_Q_SELECT, number);
    set<std::uint16_t>(VIRTIO_PCI_COMMON_Q_SIZE, layout.size);
    set<std::uint16_t>(VIRTIO_PCI_COMMON_Q_MSIX, vector);
    set<std::uint64_t>(VIRTIO_PCI_COMMON_Q_DESCLO, layout.descriptors.value);
    set<std::uint64_t>(VIRTIO_PCI_COMMON_Q_AVAILLO, layout.available.value);
    set<std::uint32_t>(VIRTIO_PCI_COMMON_Q_USEDLO, static_cast<std::uint32_t>(layout.used.value));
    set<std::uint16_t>(VIRTIO_PCI_COMMON_Q_ENABLE, 1);
  }
  void start(std::uint64_t features = kVersion, std::uint16_t vector = VIRTIO_MSI_NO_VECTOR) {
    negotiate(features);
    enable(0, queue.layout(), vector);
    set_status(1 | 2 | kFeaturesOk | kDriverOk);
  }
  void offer_chain() { queue.make_available(0, std::vector<Buffer>{{0x8000, 4}}); }

  // The capabilities by type. MSI-X has the key 0.
  [[nodiscard]] auto capabilities() -> std::map<unsigned, std::size_t> {
    std::map<unsigned, std::size_t> found;
    for (std::size_t at = config<std::uint8_t>(PCI_CAPABILITY_LIST); at != 0; at = config<std::uint8_t>(at + 1)) {
      const bool is_virtio = config<std::uint8_t>(at) == PCI_CAP_ID_VNDR;
      found[is_virtio ? config<std::uint8_t>(at + 3) : 0U] = at;
    }
    return found;
  }
  void enable_msix() { set_config<std::uint16_t>(capabilities().at(0) + PCI_MSIX_FLAGS, PCI_MSIX_FLAGS_ENABLE); }
  void set_vector(unsigned vector, std::uint64_t address, std::uint32_t data) {
    const auto entry = 0x4000 + std::size_t{16} * vector;
    set<std::uint64_t>(entry, address);
    set<std::uint32_t>(entry + 8, data);
    set<std::uint32_t>(entry + 12, 0);
  }

  static constexpr std::uint64_t kVersion = std::uint64_t{1} << kVersion1;

  GuestMemory memory = std::move(GuestMemory::allocate(GuestAddress{0}, kMemory, {}).value());
  EchoDevice device;
  FakeInterrupts interrupts;
  int wakes = 0;
  std::vector<std::string> warnings;
  PciTransport transport{device,
                         {.memory = memory,
                          .interrupts = interrupts,
                          .wake = [this] { ++wakes; },
                          .warn = [this](const std::string& line) { warnings.push_back(line); }},
                         kBar,
                         11};
  DriverQueue queue{memory, 0x1000, kMaxSize};
};

TEST_F(PciTransportTest, IsAModernDevice) {
  EXPECT_EQ(config<std::uint32_t>(0), 0x1041'1af4U);
  EXPECT_EQ(config<std::uint8_t>(PCI_REVISION_ID), 1);
  EXPECT_EQ(config<std::uint16_t>(PCI_CLASS_DEVICE), 0x0200);
  EXPECT_EQ(config<std::uint16_t>(PCI_INTERRUPT_LINE), 0x10b);
  const auto all = capabilities();
  for (const auto type :
       {VIRTIO_PCI_CAP_COMMON_CFG, VIRTIO_PCI_CAP_NOTIFY_CFG, VIRTIO_PCI_CAP_ISR_CFG, VIRTIO_PCI_CAP_DEVICE_CFG}) {
    ASSERT_TRUE(all.contains(static_cast<unsigned>(type))) << type;
    const auto at = all.at(static_cast<unsigned>(type));
    EXPECT_EQ(config<std::uint8_t>(at + 2), type == VIRTIO_PCI_CAP_NOTIFY_CFG ? 20 : 16);
    EXPECT_EQ(config<std::uint8_t>(at + VIRTIO_PCI_CAP_BAR), 0);
    EXPECT_LE(config<std::uint32_t>(at + VIRTIO_PCI_CAP_OFFSET) + config<std::uint32_t>(at + VIRTIO_PCI_CAP_LENGTH),
              PciTransport::kBarSize);
  }
  const auto notify = all.at(VIRTIO_PCI_CAP_NOTIFY_CFG);
  EXPECT_EQ(config<std::uint32_t>(notify + VIRTIO_PCI_CAP_OFFSET), PciTransport::kNotifyOffset);
  EXPECT_EQ(config<std::uint32_t>(notify + VIRTIO_PCI_NOTIFY_CAP_MULT), PciTransport::kNotifyMultiplier);
  EXPECT_EQ(config<std::uint16_t>(all.at(0) + PCI_MSIX_FLAGS), 2);  // three vectors
  EXPECT_EQ(config<std::uint32_t>(all.at(0) + PCI_MSIX_TABLE), 0x4000U);
  EXPECT_EQ(config<std::uint32_t>(all.at(0) + PCI_MSIX_PBA), 0x5000U);
  EXPECT_EQ(get<std::uint16_t>(VIRTIO_PCI_COMMON_NUMQ), 2);
  EXPECT_EQ(get<std::uint32_t>(0x2001), 0x3433'3231U);
}

// Without messages, as on aarch64, there is no MSI-X: the line has all interrupts.
TEST_F(PciTransportTest, UsesTheLineWithoutMessages) {
  FakeInterrupts no_messages{0};
  PciTransport line_only{
      device, {.memory = memory, .interrupts = no_messages, .wake = [] {}, .warn = [](const auto&) {}}, kBar, 3};
  std::uint8_t first = 0;
  line_only.read_config(PCI_CAPABILITY_LIST, std::as_writable_bytes(std::span{&first, 1}));
  std::uint8_t id = 0;
  line_only.read_config(first, std::as_writable_bytes(std::span{&id, 1}));
  EXPECT_EQ(id, PCI_CAP_ID_VNDR);
  const std::uint16_t vector = 0;
  line_only.write_bar(VIRTIO_PCI_COMMON_MSIX, std::as_bytes(std::span{&vector, 1}));
  std::uint16_t read_back = 0;
  line_only.read_bar(VIRTIO_PCI_COMMON_MSIX, std::as_writable_bytes(std::span{&read_back, 1}));
  EXPECT_EQ(read_back, VIRTIO_MSI_NO_VECTOR);
  const std::uint64_t message = UINT64_MAX;
  line_only.write_bar(0x4000, std::as_bytes(std::span{&message, 1}));
  device.config_changes = true;
  EXPECT_FALSE(line_only.service());
  EXPECT_EQ(no_messages.lines, 0) << "no driver runs";
  const auto set_status = [&](std::uint8_t status) {
    line_only.write_bar(VIRTIO_PCI_COMMON_STATUS, std::as_bytes(std::span{&status, 1}));
  };
  const std::uint32_t half = 1;
  const std::uint32_t version = 1;
  line_only.write_bar(VIRTIO_PCI_COMMON_GFSELECT, std::as_bytes(std::span{&half, 1}));
  line_only.write_bar(VIRTIO_PCI_COMMON_GF, std::as_bytes(std::span{&version, 1}));
  set_status(1 | 2 | kFeaturesOk);
  set_status(1 | 2 | kFeaturesOk | 4);
  EXPECT_FALSE(line_only.service());
  EXPECT_EQ(no_messages.lines, 1);
  EXPECT_TRUE(no_messages.sent.empty());
  EXPECT_TRUE(no_messages.messages.empty());
}

TEST_F(PciTransportTest, AnswersWhereItsBarIs) {
  EXPECT_EQ(transport.bar_offset(kBar, 1), 0U);
  EXPECT_EQ(transport.bar_offset(kBar + PciTransport::kBarSize - 8, 8), PciTransport::kBarSize - 8);
  EXPECT_EQ(transport.bar_offset(kBar + PciTransport::kBarSize - 7, 8), std::nullopt);
  EXPECT_EQ(transport.bar_offset(kBar - 1, 1), std::nullopt);
  set_config<std::uint32_t>(PCI_BASE_ADDRESS_0, 0xfe10'0000);
  EXPECT_EQ(transport.bar_offset(kBar, 1), std::nullopt);
  EXPECT_EQ(transport.bar_offset(0xfe10'0004, 4), 4U);
  set_config<std::uint16_t>(PCI_COMMAND, 0);
  EXPECT_EQ(transport.bar_offset(0xfe10'0004, 4), std::nullopt);
  set_config<std::uint16_t>(PCI_COMMAND, PCI_COMMAND_MEMORY);
  EXPECT_EQ(transport.bar_offset(0xfe10'0004, 4), 4U);
}

TEST_F(PciTransportTest, NegotiatesWhatIsOffered) {
  set<std::uint32_t>(VIRTIO_PCI_COMMON_DFSELECT, 0);
  EXPECT_EQ(get<std::uint32_t>(VIRTIO_PCI_COMMON_DF),
            1U << kOwnFeature | 1U << kIndirectDescriptors | 1U << kEventIndex);
  set<std::uint32_t>(VIRTIO_PCI_COMMON_DFSELECT, 1);
  EXPECT_EQ(get<std::uint32_t>(VIRTIO_PCI_COMMON_DF), 1U);
  set<std::uint32_t>(VIRTIO_PCI_COMMON_DFSELECT, 2);
  EXPECT_EQ(get<std::uint32_t>(VIRTIO_PCI_COMMON_DF), 0U);
  negotiate(kVersion | 1U << kOwnFeature);
  EXPECT_EQ(status(), 1 | 2 | kFeaturesOk);
  // Later changes have no effect.
  set<std::uint32_t>(VIRTIO_PCI_COMMON_GFSELECT, 0);
  set<std::uint32_t>(VIRTIO_PCI_COMMON_GF, 0);
  EXPECT_EQ(get<std::uint32_t>(VIRTIO_PCI_COMMON_GF), 1U << kOwnFeature);
}

// Another device continues with the registers of the driver.
TEST_F(PciTransportTest, ContinuesAfterASnapshot) {
  enable_msix();
  set_vector(1, 0xfee0'0000, 0x41);
  start(kVersion, 1);
  offer_chain();
  EXPECT_FALSE(transport.service());
  const auto state = transport.save();
  EXPECT_EQ(state.queues[0].taken, 1);
  EXPECT_EQ(state.queues[0].returned, 1);

  EchoDevice other_device;
  FakeInterrupts other_interrupts;
  PciTransport other{other_device,
                     {.memory = memory,
                      .interrupts = other_interrupts,
                      .wake = [this] { ++wakes; },
                      .warn = [](const std::string&) {}},
                     kBar,
                     11};
  const auto restored = other.restore(state);
  ASSERT_TRUE(restored) << restored.error().what;
  EXPECT_EQ(other.save().queues, state.queues);
  EXPECT_EQ(other.save().status, state.status);
  EXPECT_EQ(other.save().messages, state.messages);
  EXPECT_GT(wakes, 0);
  // The chain that comes next, and an interrupt even without one.
  EXPECT_FALSE(other.service());
  EXPECT_EQ(other_device.active, kVersion);
  EXPECT_EQ(other_interrupts.messages.at(1), (Message{.address = 0xfee0'0000, .data = 0x41}));
  EXPECT_EQ(other_interrupts.sent, std::vector<unsigned>{1});
  EXPECT_EQ(queue.used_index(), 1);
  offer_chain();
  EXPECT_FALSE(other.service());
  EXPECT_EQ(queue.used_index(), 2);
}

TEST_F(PciTransportTest, RefusesRegistersThatNoDriverCouldSet) {
  start();
  const auto good = transport.save();
  const auto outcome_of = [this](const TransportState& state) -> std::string {
    EchoDevice other_device;
    PciTransport other{other_device,
                       {.memory = memory, .interrupts = interrupts, .wake = [] {}, .warn = [](const std::string&) {}},
                       kBar,
                       11};
    const auto restored = other.restore(state);
    return restored ? "good" : restored.error().what;
  };
  EXPECT_EQ(outcome_of(good), "good");
  EXPECT_EQ(outcome_of({}), "has another number of queues");
  auto state = good;
  state.driver_features |= 1 << 1;
  EXPECT_EQ(outcome_of(state), "uses features that this network does not have: 0x2");
  state = good;
  state.queues[0].used = ~std::uint64_t{};
  EXPECT_EQ(outcome_of(state), "has a malformed queue 0");
  state = good;
  state.queues[1].size = 3;
  EXPECT_EQ(outcome_of(state), "has a malformed queue 1");
  state = good;
  state.status = kDriverOk;  // without FEATURES_OK
  EXPECT_NE(outcome_of(state), "good");
}

TEST_F(PciTransportTest, RefusesWhatIsNotOffered) {
  negotiate(kVersion | 1);
  EXPECT_EQ(status(), 1 | 2);
  set_status(0);
  negotiate(1U << kOwnFeature);  // not even version 1
  EXPECT_EQ(status(), 1 | 2);
  // Without FEATURES_OK, nothing else works.
  enable(0, queue.layout());
  EXPECT_EQ(get<std::uint16_t>(VIRTIO_PCI_COMMON_Q_ENABLE), 0);
  set_status(1 | 2 | kDriverOk);
  EXPECT_EQ(status(), 1 | 2);
  EXPECT_FALSE(transport.service());
  EXPECT_EQ(device.active, 0U);
}

TEST_F(PciTransportTest, ServesQueuesOnceTheDriverIsReady) {
  negotiate(kVersion);
  enable(0, queue.layout());
  offer_chain();
  EXPECT_FALSE(transport.service());
  EXPECT_EQ(queue.used_index(), 0);
  set_status(1 | 2 | kFeaturesOk | kDriverOk);
  EXPECT_GT(wakes, 0);
  EXPECT_FALSE(transport.service());
  EXPECT_EQ(device.active, kVersion);
  EXPECT_EQ(queue.used_index(), 1);
}

TEST_F(PciTransportTest, KeepsAQueueAsItWasEnabled) {
  negotiate(kVersion);
  set<std::uint16_t>(VIRTIO_PCI_COMMON_Q_SIZE, 3);
  EXPECT_EQ(get<std::uint16_t>(VIRTIO_PCI_COMMON_Q_SIZE), kMaxSize);
  set<std::uint16_t>(VIRTIO_PCI_COMMON_Q_SIZE, kMaxSize * 2);
  EXPECT_EQ(get<std::uint16_t>(VIRTIO_PCI_COMMON_Q_SIZE), kMaxSize);
  enable(0, queue.layout());
  EXPECT_EQ(get<std::uint16_t>(VIRTIO_PCI_COMMON_Q_ENABLE), 1);
  set<std::uint16_t>(VIRTIO_PCI_COMMON_Q_SIZE, 2);
  set<std::uint32_t>(VIRTIO_PCI_COMMON_Q_DESCLO, 0);
  set<std::uint16_t>(VIRTIO_PCI_COMMON_Q_ENABLE, 0);
  EXPECT_EQ(get<std::uint16_t>(VIRTIO_PCI_COMMON_Q_SIZE), kMaxSize);
  EXPECT_EQ(get<std::uint32_t>(VIRTIO_PCI_COMMON_Q_DESCLO), 0x1000U);
  EXPECT_EQ(get<std::uint16_t>(VIRTIO_PCI_COMMON_Q_ENABLE), 1);
  set<std::uint16_t>(VIRTIO_PCI_COMMON_Q_SELECT, 2);  // does not exist
  EXPECT_EQ(get<std::uint16_t>(VIRTIO_PCI_COMMON_Q_SIZE), 0);
  set<std::uint16_t>(VIRTIO_PCI_COMMON_Q_ENABLE, 1);
}

TEST_F(PciTransportTest, ForgetsAllWithAReset) {
  start();
  offer_chain();
  EXPECT_FALSE(transport.service());
  set_status(0);
  EXPECT_EQ(status(), 0);
  EXPECT_EQ(device.active, 0U);
  set<std::uint16_t>(VIRTIO_PCI_COMMON_Q_SELECT, 0);
  EXPECT_EQ(get<std::uint16_t>(VIRTIO_PCI_COMMON_Q_ENABLE), 0);
  EXPECT_EQ(get<std::uint32_t>(VIRTIO_PCI_COMMON_Q_DESCLO), 0U);
  EXPECT_EQ(get<std::uint8_t>(0x1000), 0);
  offer_chain();
  EXPECT_FALSE(transport.service());
  EXPECT_EQ(queue.used_index(), 1);
  queue = DriverQueue{memory, 0x4000, kMaxSize};
  start();
  offer_chain();
  EXPECT_FALSE(transport.service());
  EXPECT_EQ(queue.used_index(), 1);
}

TEST_F(PciTransportTest, RaisesItsLineUntilTheGuestHasReadWhy) {
  start();
  EXPECT_FALSE(transport.service());
  EXPECT_EQ(interrupts.lines, 0);
  offer_chain();
  EXPECT_FALSE(transport.service());
  EXPECT_EQ(interrupts.lines, 1);
  EXPECT_EQ(config<std::uint16_t>(PCI_STATUS) & PCI_STATUS_INTERRUPT, PCI_STATUS_INTERRUPT);
  transport.on_line_acknowledged();  // without reading the ISR status
  EXPECT_EQ(interrupts.lines, 2);
  EXPECT_EQ(get<std::uint8_t>(0x1000), 1);
  EXPECT_EQ(get<std::uint8_t>(0x1000), 0);
  transport.on_line_acknowledged();
  EXPECT_EQ(interrupts.lines, 2);
  EXPECT_EQ(config<std::uint16_t>(PCI_STATUS) & PCI_STATUS_INTERRUPT, 0);
}

TEST_F(PciTransportTest, RaisesNoLineThatIsDisabledUntilItIsNot) {
  set_config<std::uint16_t>(PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_INTX_DISABLE);
  start();
  offer_chain();
  EXPECT_FALSE(transport.service());
  EXPECT_EQ(interrupts.lines, 0);
  set_config<std::uint16_t>(PCI_COMMAND, PCI_COMMAND_MEMORY);
  EXPECT_FALSE(transport.service());
  EXPECT_EQ(interrupts.lines, 1);
}

TEST_F(PciTransportTest, SendsMessages) {
  set_vector(0, 0xfee0'0000, 0x40);
  set_vector(1, 0xfee0'1000, 0x41);
  enable_msix();
  set<std::uint16_t>(VIRTIO_PCI_COMMON_MSIX, 0);
  start(kVersion, 1);
  offer_chain();
  EXPECT_FALSE(transport.service());
  EXPECT_EQ(interrupts.lines, 0);
  EXPECT_EQ(get<std::uint8_t>(0x1000), 0);
  EXPECT_EQ(interrupts.sent, std::vector{1U});
  EXPECT_EQ(interrupts.messages[1], (Message{.address = 0xfee0'1000, .data = 0x41}));
  device.config_changes = true;
  const auto generation = get<std::uint8_t>(VIRTIO_PCI_COMMON_CFGGENERATION);
  EXPECT_FALSE(transport.service());
  EXPECT_EQ(interrupts.sent, (std::vector{1U, 0U}));
  EXPECT_NE(get<std::uint8_t>(VIRTIO_PCI_COMMON_CFGGENERATION), generation);
  // A vector is moved to another CPU.
  set_vector(1, 0xfee0'2000, 0x42);
  offer_chain();
  EXPECT_FALSE(transport.service());
  EXPECT_EQ(interrupts.messages[1], (Message{.address = 0xfee0'2000, .data = 0x42}));
  EXPECT_EQ(interrupts.sent.size(), 3U);
}

TEST_F(PciTransportTest, KeepsAMaskedMessagePending) {
  set_vector(1, 0xfee0'1000, 0x41);
  set<std::uint32_t>(0x401c, 1);
  enable_msix();
  start(kVersion, 1);
  offer_chain();
  EXPECT_FALSE(transport.service());
  EXPECT_TRUE(interrupts.sent.empty());
  EXPECT_EQ(get<std::uint8_t>(0x5000), 2);
  const auto control = capabilities().at(0) + PCI_MSIX_FLAGS;
  set_config<std::uint16_t>(control, PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
  set<std::uint32_t>(0x401c, 0);
  EXPECT_FALSE(transport.service());
  EXPECT_TRUE(interrupts.sent.empty());
  set_config<std::uint16_t>(control, PCI_MSIX_FLAGS_ENABLE);
  EXPECT_FALSE(transport.service());
  EXPECT_EQ(interrupts.sent, std::vector{1U});
}

// The next driver gets no pending messages of the last driver.
TEST_F(PciTransportTest, ForgetsPendingMessages) {
  for (const bool by_reset : {true, false}) {
    set_vector(1, 0xfee0'1000, 0x41);
    set<std::uint32_t>(0x401c, 1);
    enable_msix();
    start(kVersion, 1);
    offer_chain();
    EXPECT_FALSE(transport.service());
    EXPECT_EQ(get<std::uint8_t>(0x5000), 2);
    if (by_reset) {
      set_status(0);
    } else {
      set_config<std::uint16_t>(capabilities().at(0) + PCI_MSIX_FLAGS, 0);
    }
    EXPECT_EQ(get<std::uint8_t>(0x5000), 0);
    set_status(0);
    queue = DriverQueue{memory, 0x4000, kMaxSize};
  }
}

// Code other than service() can send it, if the vector is not masked.
TEST_F(PciTransportTest, SaysWhichEventSendsAQueuesMessage) {
  set_vector(1, 0xfee0'1000, 0x41);
  start(kVersion, 1);
  const auto event = [this] {
    EXPECT_FALSE(transport.service());
    return device.events[0];
  };
  EXPECT_EQ(event(), kNoEvent);  // the line interrupts the driver
  enable_msix();
  EXPECT_EQ(event(), FakeInterrupts::kFirstEvent + 1);
  EXPECT_EQ(interrupts.messages.at(1).data, 0x41U);
  EXPECT_EQ(device.events[1], kNoEvent);  // it has no vector
  set<std::uint32_t>(0x401c, 1);
  EXPECT_EQ(event(), kNoEvent);
  set<std::uint32_t>(0x401c, 0);
  EXPECT_EQ(event(), FakeInterrupts::kFirstEvent + 1);
  set_config<std::uint16_t>(capabilities().at(0) + PCI_MSIX_FLAGS, PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
  EXPECT_EQ(event(), kNoEvent);
}

TEST_F(PciTransportTest, InterruptsForQueuesThatAnotherServes) {
  start();
  device.used = 1;
  EXPECT_FALSE(transport.service());
  EXPECT_EQ(interrupts.lines, 1);
  EXPECT_EQ(get<std::uint8_t>(0x1000), 1);
  set_vector(1, 0xfee0'1000, 0x41);
  set_status(0);
  enable_msix();
  start(kVersion, 1);
  device.used = 1;
  EXPECT_FALSE(transport.service());
  EXPECT_EQ(interrupts.sent, std::vector<unsigned>{1});
}

TEST_F(PciTransportTest, TakesNoVectorThatThereIsNot) {
  for (const auto vector : {std::uint16_t{3}, std::uint16_t{0x100}, std::uint16_t{0xfffe}}) {
    set<std::uint16_t>(VIRTIO_PCI_COMMON_MSIX, vector);
    EXPECT_EQ(get<std::uint16_t>(VIRTIO_PCI_COMMON_MSIX), VIRTIO_MSI_NO_VECTOR);
    set<std::uint16_t>(VIRTIO_PCI_COMMON_Q_MSIX, vector);
    EXPECT_EQ(get<std::uint16_t>(VIRTIO_PCI_COMMON_Q_MSIX), VIRTIO_MSI_NO_VECTOR);
  }
  set<std::uint16_t>(VIRTIO_PCI_COMMON_MSIX, 2);
  EXPECT_EQ(get<std::uint16_t>(VIRTIO_PCI_COMMON_MSIX), 2);
}

TEST_F(PciTransportTest, NeedsAResetAfterABrokenQueue) {
  start();
  queue.publish(kMaxSize);
  EXPECT_FALSE(transport.service());
  EXPECT_EQ(status() & kNeedsReset, kNeedsReset);
  EXPECT_TRUE(device.is_stopped);
  EXPECT_EQ(get<std::uint8_t>(0x1000), VIRTIO_PCI_ISR_CONFIG);
  ASSERT_EQ(warnings.size(), 1U);
  EXPECT_EQ(warnings[0], "echo: names a descriptor that there is not; the device stops until the driver resets it");
  queue.make_available(0, std::vector<Buffer>{{0x8000, 4}});
  EXPECT_FALSE(transport.service());
  EXPECT_EQ(queue.used_index(), 0);
  set_status(0);
  EXPECT_EQ(status(), 0);
  queue = DriverQueue{memory, 0x4000, kMaxSize};
  start();
  offer_chain();
  EXPECT_FALSE(transport.service());
  EXPECT_EQ(queue.used_index(), 1);
}

TEST_F(PciTransportTest, NeedsAResetAfterAQueueOutsideOfTheMemory) {
  negotiate(kVersion);
  auto layout = queue.layout();
  layout.used.value = kMemory - 4;
  enable(1, layout);
  EXPECT_EQ(status() & kNeedsReset, kNeedsReset);
  EXPECT_EQ(get<std::uint16_t>(VIRTIO_PCI_COMMON_Q_ENABLE), 0);
  EXPECT_EQ(warnings.at(0),
            "echo: queue 1 lies outside of the memory, or is not aligned; the device stops until the driver resets it");
  EXPECT_EQ(interrupts.lines, 0);  // the driver is not ready
}

TEST_F(PciTransportTest, WakesItsThreadForNotifications) {
  start();
  const int before = wakes;
  set<std::uint16_t>(PciTransport::kNotifyOffset, 0);
  set<std::uint32_t>(PciTransport::kNotifyOffset + 4, 1);
  EXPECT_EQ(wakes, before + 2);
  EXPECT_EQ(device.notified, (std::vector<unsigned>{0, 1}));
}

TEST_F(PciTransportTest, IsReachedByItsWindow) {
  const auto window = capabilities().at(VIRTIO_PCI_CAP_PCI_CFG);
  const auto aim = [&](std::uint32_t offset, std::uint32_t length) {
    set_config<std::uint32_t>(window + VIRTIO_PCI_CAP_OFFSET, offset);
    set_config<std::uint32_t>(window + VIRTIO_PCI_CAP_LENGTH, length);
  };
  aim(VIRTIO_PCI_COMMON_STATUS, 1);
  set_config<std::uint8_t>(window + 16, 3);
  EXPECT_EQ(status(), 3);
  EXPECT_EQ(config<std::uint8_t>(window + 16), 3);
  aim(0x2004, 4);
  EXPECT_EQ(config<std::uint32_t>(window + 16), 0x3736'3534U);
  aim(VIRTIO_PCI_COMMON_NUMQ, 2);
  EXPECT_EQ(config<std::uint32_t>(window + 16) & 0xffff, 2U);  // more bytes are read than requested
  for (const auto& [offset, length] : std::vector<std::pair<std::uint32_t, std::uint32_t>>{
           {PciTransport::kBarSize, 4}, {0x2001, 4}, {0xffff'fffc, 4}, {0, 8}, {0, 3}, {0, 0}}) {
    aim(offset, length);
    set_config<std::uint32_t>(window + 16, 0x1234'5678);
    EXPECT_EQ(config<std::uint32_t>(window + 16), 0x1234'5678U) << offset;
  }
  aim(0x2004, 4);
  set_config<std::uint8_t>(window + VIRTIO_PCI_CAP_BAR, 1);
  EXPECT_EQ(config<std::uint32_t>(window + 16), 0x1234'5678U);
}

// Accesses of every size at every offset: they change only registers, and have no other effect.
TEST_F(PciTransportTest, TakesAccessesOfAnySizeAnywhere) {
  start();
  for (std::size_t offset = 0; offset + 8 <= PciTransport::kBarSize; ++offset) {
    for (const auto size : {1U, 2U, 4U, 8U}) {
      std::array<std::byte, 8> data{};
      transport.read_bar(offset, std::span{data}.first(size));
      std::ranges::fill(data, std::byte{0xa5});
      transport.write_bar(offset, std::span{data}.first(size));
    }
  }
  for (std::size_t offset = 0; offset < 256; ++offset) {
    for (const auto size : {1U, 2U, 4U, 8U}) {
      std::array<std::byte, 8> data{};
      transport.read_config(offset, std::span{data}.first(size));
      std::ranges::fill(data, std::byte{0x5a});
      transport.write_config(offset, std::span{data}.first(size));
    }
  }
  while (transport.service()) {
  }
  set_status(0);
  EXPECT_EQ(status(), 0);
}

// One access to two registers, as a 64-bit driver writes an address. An access to half a register has no effect.
TEST_F(PciTransportTest, TakesWholeRegistersOnly) {
  negotiate(kVersion);
  set<std::uint64_t>(VIRTIO_PCI_COMMON_Q_DESCLO, 0x1'2345'6780);
  EXPECT_EQ(get<std::uint64_t>(VIRTIO_PCI_COMMON_Q_DESCLO), 0x1'2345'6780U);
  set<std::uint16_t>(VIRTIO_PCI_COMMON_Q_DESCLO, 0xffff);
  set<std::uint8_t>(VIRTIO_PCI_COMMON_Q_SIZE, 2);
  EXPECT_EQ(get<std::uint64_t>(VIRTIO_PCI_COMMON_Q_DESCLO), 0x1'2345'6780U);
  EXPECT_EQ(get<std::uint16_t>(VIRTIO_PCI_COMMON_Q_SIZE), kMaxSize);
  EXPECT_EQ(get<std::uint8_t>(VIRTIO_PCI_COMMON_Q_DESCLO + 4), 1);
}

}  // namespace
}  // namespace hermitage::vmm::virtio
