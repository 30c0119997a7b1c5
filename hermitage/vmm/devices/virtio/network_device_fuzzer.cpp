// A driver that uses a network card in any way: accesses to registers of any size, any content of rings and
// descriptors, frames in both directions, resets.
//
// The input is a script: bytes that select an action, and its parameters.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>

#include "hermitage/vmm/devices/virtio/driver_testing.hpp"
#include "hermitage/vmm/devices/virtio/network_device.hpp"
#include "hermitage/vmm/devices/virtio/pci_transport.hpp"

namespace {

using namespace hermitage::vmm;          // NOLINT(google-build-using-namespace): a program of its own
using namespace hermitage::vmm::virtio;  // NOLINT(google-build-using-namespace)

constexpr std::uint64_t kMemorySize = std::uint64_t{1} << 18;
constexpr std::uint64_t kBar = 0xfe00'0000;
constexpr int kMaxActions = 256;
constexpr int kMaxRounds = 64;  // of service, for one action

void require(bool condition) {
  if (!condition) std::abort();
}

class Script {
 public:
  explicit Script(std::span<const std::uint8_t> bytes) : bytes_{bytes} {}

  [[nodiscard]] auto is_over() const -> bool { return bytes_.empty(); }
  auto byte() -> std::uint8_t {
    if (bytes_.empty()) return 0;
    const auto value = bytes_.front();
    bytes_ = bytes_.subspan(1);
    return value;
  }
  auto number(int size) -> std::uint64_t {
    std::uint64_t value = 0;
    for (int i = 0; i < size; ++i) value |= std::uint64_t{byte()} << (8 * i);
    return value;
  }
  auto data(std::size_t size) -> testing::Bytes {
    testing::Bytes data(size);
    for (auto& item : data) item = std::byte{byte()};
    return data;
  }

 private:
  std::span<const std::uint8_t> bytes_;
};

class Card {
 public:
  Card() { backend_.offered = ~std::uint64_t{0} & 0x7f83; }

  void act(Script& script) {
    switch (script.byte() % 10) {
      case 0: return access_config(script);
      case 1: return access_bar(script, script.byte() % 0x40);  // the common configuration
      case 2: return access_bar(script, script.number(2));
      case 3: return start(script);
      case 4: return write_memory(script);
      case 5: return offer(script);
      case 6: return backend_.add(testing::frame_of(script.number(2) % 65'000, script.byte()));
      case 7: backend_.is_full = (script.byte() & 1) != 0; return;
      case 8: transport_.on_line_acknowledged(); return;
      case 9: backend_.is_closed = script.byte() == 0xff; return;
      default: return;
    }
  }

  void serve() {
    for (int i = 0; i < kMaxRounds && transport_.service(); ++i) {
    }
    require(backend_.sent.size() <= std::size_t{1} << 20);
    for (const auto& frame : backend_.sent) require(frame.size() <= net::kMaxFrame);
    backend_.sent.clear();
  }

 private:
  static auto size_of(std::uint8_t byte) -> std::size_t { return std::size_t{1} << (byte % 4); }

  void access_config(Script& script) {
    const auto how = script.byte();
    const auto offset = script.byte();
    auto data = script.data(size_of(how));
    if ((how & 0x80) != 0) return transport_.read_config(offset, data);
    transport_.write_config(offset, data);
  }
  void access_bar(Script& script, std::uint64_t offset) {
    const auto how = script.byte();
    auto data = script.data(size_of(how));
    offset %= PciTransport::kBarSize - data.size() + 1;
    if ((how & 0x80) != 0) return transport_.read_bar(offset, data);
    transport_.write_bar(offset, data);
  }

  template <class T>
  void set(std::size_t offset, T value) {
    transport_.write_bar(offset, std::as_bytes(std::span{&value, 1}));
  }

  // A correct start, so that other actions reach more code.
  void start(Script& script) {
    set<std::uint8_t>(0x14, 0);
    set<std::uint8_t>(0x14, 3);
    const auto features = script.number(4);
    for (std::uint32_t half : {0U, 1U}) {
      set<std::uint32_t>(0x00, half);
      std::uint32_t offered = 0;
      transport_.read_bar(0x04, std::as_writable_bytes(std::span{&offered, 1}));
      set<std::uint32_t>(0x08, half);
      set<std::uint32_t>(0x0c, offered & (half == 0 ? static_cast<std::uint32_t>(features) : 1U));
    }
    set<std::uint8_t>(0x14, 3 | kFeaturesOk);
    const auto size = static_cast<std::uint16_t>(1U << (script.byte() % 9));
    for (std::uint16_t i = 0; i < NetworkDevice::kQueueCount; ++i) {
      queues_[i] = testing::DriverQueue{memory_, std::uint64_t{0x4000} * (i + 1U), size};
      const auto& layout = queues_[i].layout();
      std::ranges::fill(memory_.span(GuestAddress{std::uint64_t{0x4000} * (i + 1U)}, 0x4000).value(), std::byte{});
      set<std::uint16_t>(0x16, i);
      set<std::uint16_t>(0x18, size);
      set<std::uint64_t>(0x20, layout.descriptors.value);
      set<std::uint64_t>(0x28, layout.available.value);
      set<std::uint64_t>(0x30, layout.used.value);
      set<std::uint16_t>(0x1c, 1);
    }
    set<std::uint8_t>(0x14, 3 | kFeaturesOk | kDriverOk);
  }

  void write_memory(Script& script) {
    const auto address = script.number(3) % kMemorySize;
    const auto data = script.data(script.byte() % 32U);
    const auto target = memory_.span(GuestAddress{address}, data.size());
    if (target) std::ranges::copy(data, target->begin());
  }

  void offer(Script& script) {
    auto& queue = queues_[script.byte() % queues_.size()];
    const auto index = static_cast<std::uint16_t>(script.number(2) % queue.layout().size);
    queue.set_descriptor(index, script.number(3) % (kMemorySize + 64), static_cast<std::uint32_t>(script.number(2)),
                         script.byte() % 8, script.byte());
    queue.publish(index);
  }

  GuestMemory memory_ = std::move(GuestMemory::allocate(GuestAddress{0}, kMemorySize, {}).value());
  testing::FakeBackend backend_;
  testing::FakeInterrupts interrupts_;
  NetworkDevice device_{backend_, {.mac = {2, 0, 0, 0, 0, 1}, .mtu = 1500}, [](const std::string&) {}};
  PciTransport transport_{
      device_,
      {.memory = memory_, .interrupts = interrupts_, .wake = [] {}, .warn = [](const std::string&) {}},
      kBar,
      11};
  std::array<testing::DriverQueue, NetworkDevice::kQueueCount> queues_{testing::DriverQueue{memory_, 0x4000, 8},
                                                                       testing::DriverQueue{memory_, 0x8000, 8},
                                                                       testing::DriverQueue{memory_, 0xc000, 8}};
};

}  // namespace

extern "C" auto LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) -> int {
  Script script{{data, size}};
  Card card;
  for (int i = 0; i < kMaxActions && !script.is_over(); ++i) {
    card.act(script);
    card.serve();
  }
  return 0;
}
