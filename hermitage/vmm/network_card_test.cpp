// A guest of this project with a network card. Its frames are sent to a socket, whose other end is the test.
#include "hermitage/vmm/network_card.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hermitage/vmm/machine.hpp"
#include "hermitage/vmm/machine_testing.hpp"
#include "hermitage/vmm/net/inherited.hpp"
#include "hermitage/vmm/net/pcap.hpp"
#include "testing/temporary_directory.hpp"

namespace hermitage::vmm {
namespace {

using namespace std::chrono_literals;
using Bytes = std::vector<std::uint8_t>;

constexpr virtio::MacAddress kGuestMac{0x52, 0x54, 0x00, 0x12, 0x34, 0x56};
constexpr virtio::MacAddress kTestMac{0x02, 0, 0, 0, 0, 1};
constexpr std::array<std::uint8_t, 4> kGuestIp{10, 0, 5, 3};
constexpr std::array<std::uint8_t, 4> kTestIp{10, 0, 5, 1};
constexpr std::uint16_t kExitPort = 9976;
constexpr std::size_t kIpStart = 14;
constexpr std::size_t kPayloadStart = kIpStart + 20;

template <class... Parts>
auto joined(const Parts&... parts) -> Bytes {
  Bytes result;
  (result.insert(result.end(), std::begin(parts), std::end(parts)), ...);
  return result;
}

auto big(std::uint16_t value) -> Bytes {
  return {static_cast<std::uint8_t>(value >> 8), static_cast<std::uint8_t>(value)};
}

// RFC 1071.
auto checksum(const Bytes& bytes) -> Bytes {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) sum += std::uint32_t{bytes[i]} << (i % 2 == 0 ? 8 : 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return big(static_cast<std::uint16_t>(~sum));
}

auto arp_request() -> Bytes {
  constexpr std::array<std::uint8_t, 6> kEveryone{0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
  constexpr std::array<std::uint8_t, 6> kUnknown{};
  return joined(kEveryone, kTestMac, Bytes{8, 6, 0, 1, 8, 0, 6, 4, 0, 1}, kTestMac, kTestIp, kUnknown, kGuestIp);
}

using Mac = virtio::MacAddress;

auto ip_packet(const Mac& to, std::uint8_t protocol, const Bytes& payload) -> Bytes {
  const auto length = static_cast<std::uint16_t>(20 + payload.size());
  const auto begin = joined(Bytes{0x45, 0}, big(length), Bytes{0, 0, 0, 0, 64, protocol});
  const auto addresses = joined(kTestIp, kGuestIp);
  const auto sum = checksum(joined(begin, Bytes{0, 0}, addresses));
  return joined(to, kTestMac, Bytes{8, 0}, begin, sum, addresses, payload);
}

auto echo_request(const Mac& to, std::uint16_t sequence, std::size_t size) -> Bytes {
  Bytes data(size);
  for (std::size_t i = 0; i < size; ++i) data[i] = static_cast<std::uint8_t>(i + sequence);
  const auto rest = joined(Bytes{0x12, 0x34}, big(sequence), data);
  return ip_packet(to, 1, joined(Bytes{8, 0}, checksum(joined(Bytes{8, 0, 0, 0}, rest)), rest));
}

// The checksum is optional.
auto datagram(const Mac& to, std::uint16_t port, const std::string& text) -> Bytes {
  return ip_packet(to, 17,
                   joined(big(4000), big(port), big(static_cast<std::uint16_t>(8 + text.size())), Bytes{0, 0}, text));
}

class NetworkCardTest : public MachineTest {
 protected:
  // Runs the guest `net` in a thread.
  void start(std::vector<std::string> arguments, MachineOptions options = {}) {
    std::array<int, 2> ends{};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()), 0);
    wire = Descriptor{ends[0]};
    auto backend = net::open_inherited(ends[1]);
    ASSERT_TRUE(backend) << backend.error().message();
    if (!capture_file.empty()) {
      auto pcap = net::Pcap::create(capture_file, *std::move(backend), {});
      ASSERT_TRUE(pcap) << pcap.error().message();
      backend = *std::move(pcap);
    }
    arguments.insert(arguments.begin(), {"ip=10.0.5.3/24", "gw=10.0.5.1"});
    options.arguments.application = std::move(arguments);
    options.network = NetworkOptions{.backend = *std::move(backend), .card = {.mac = kGuestMac, .mtu = 1500}};
    options.timeout = 1min;
    options.output = OutputBuffer{};
    options.warn = [this](std::string_view line) {
      warnings.emplace_back(line);
      ++warning_count;
    };
    machine.emplace(create("net", std::move(options)));
    runner = std::thread{[this] { result = machine->run(); }};
  }
  void TearDown() override { finish(); }
  void finish() {
    if (!runner.joinable()) return;
    runner.join();
    ASSERT_TRUE(result && *result) << (result ? (*result).error().message() : "");
  }

  void send(const Bytes& frame) const {
    EXPECT_EQ(::send(wire.get(), frame.data(), frame.size(), 0), std::ssize(frame));
  }
  // The next frame from the guest.
  [[nodiscard]] auto receive(std::chrono::milliseconds limit) const -> std::optional<Bytes> {
    pollfd event{.fd = wire.get(), .events = POLLIN, .revents = 0};
    if (::poll(&event, 1, static_cast<int>(limit.count())) != 1) return std::nullopt;
    Bytes frame(net::kMaxFrame);
    const auto size = ::recv(wire.get(), frame.data(), frame.size(), 0);
    if (size <= 0) return std::nullopt;
    frame.resize(static_cast<std::size_t>(size));
    return frame;
  }
  // Repeats the request until a reply satisfies `accepts`.
  template <class Accepts>
  auto ask(const Bytes& question, const Accepts& accepts) -> std::optional<Bytes> {
    for (int round = 0; round < 200; ++round) {
      send(question);
      while (auto frame = receive(100ms)) {
        if (accepts(*frame)) return frame;
      }
    }
    return std::nullopt;
  }
  void expect_echo(std::uint16_t sequence, std::size_t size) {
    const auto request = echo_request(guest_mac, sequence, size);
    // All bytes are unchanged, except for the type and the checksum.
    const auto is_reply = [&](const Bytes& frame) {
      return frame.size() >= request.size() && frame[kPayloadStart] == 0 &&
             std::equal(request.begin() + kPayloadStart + 4, request.end(), frame.begin() + kPayloadStart + 4);
    };
    EXPECT_TRUE(ask(request, is_reply)) << "no answer to " << sequence;
  }
  // ARP, then packets of these sizes in both directions.
  void expect_service(const std::vector<std::size_t>& sizes = {1, 56, 1000, 1472}) {
    const auto is_answer = [](const Bytes& frame) { return frame.size() >= 42 && frame[13] == 6 && frame[21] == 2; };
    const auto answer = ask(arp_request(), is_answer);
    ASSERT_TRUE(answer);
    // If the driver does not accept the address of the card, the guest has its own.
    std::copy_n(answer->begin() + 22, guest_mac.size(), guest_mac.begin());
    std::uint16_t sequence = 0;
    for (const auto size : sizes) expect_echo(++sequence, size);
  }
  // Waits at most ten seconds.
  void wait_for_warning() const {
    const auto limit = std::chrono::steady_clock::now() + 10s;
    while (warning_count == 0 && std::chrono::steady_clock::now() < limit) std::this_thread::sleep_for(1ms);
  }
  void end_guest() {
    send(datagram(guest_mac, kExitPort, "exit"));
    finish();
    EXPECT_EQ(exit_code(**result), 0) << (**result).output;
    EXPECT_TRUE(warnings.empty()) << warnings.front();
  }

  std::string capture_file;  // none, if it is empty
  Mac guest_mac = kGuestMac;
  Descriptor wire;
  std::optional<Machine> machine;
  std::optional<Result<RunResult>> result;
  std::vector<std::string> warnings;  // can be read after the run
  std::atomic<int> warning_count = 0;
  std::thread runner;
};

TEST_P(NetworkCardTest, AnswersByPolling) {
  start({});
  expect_service();
  end_guest();
  EXPECT_NE((**result).output.find("net: 52:54:00:12:34:56 10.0.5.3/24 mtu 1500\n"), std::string::npos);
}

TEST_P(NetworkCardTest, AnswersByTheInterruptLine) {
  start({"irq=intx"});
  expect_service();
  end_guest();
}

TEST_P(NetworkCardTest, AnswersByMessages) {
  start({"irq=msix"});
  expect_service();
  end_guest();
}

TEST_P(NetworkCardTest, AnswersAtAnAddressThatTheGuestChose) {
  start({"move-bar", "irq=msix"});
  expect_service();
  end_guest();
}

TEST_P(NetworkCardTest, AnswersWithSmallQueues) {
  start({"queue=4"});
  expect_service();
  end_guest();
}

// Any subset of the offered features works: each feature alone, and all features except for one.
TEST_P(NetworkCardTest, AnswersWithAnyFeatures) {
  constexpr std::uint64_t kAll = 0x300188ab;
  std::vector<std::string> masks{"features=0x0"};
  for (unsigned bit = 0; bit < 32; ++bit) {
    if ((kAll >> bit & 1) == 0) continue;
    for (const auto mask : {std::uint64_t{1} << bit, kAll & ~(std::uint64_t{1} << bit)}) {
      std::array<char, 32> text{};
      std::snprintf(text.data(), text.size(), "features=%#llx", static_cast<unsigned long long>(mask));
      masks.emplace_back(text.data());
    }
  }
  for (const auto& mask : masks) {
    SCOPED_TRACE(mask);
    start({mask});
    expect_service({1472});
    end_guest();
  }
}

TEST_P(NetworkCardTest, StopsTheCardOfADriverThatSendsALoop) {
  start({"loop"});
  wait_for_warning();
  machine->stop(1);
  finish();
  ASSERT_FALSE(warnings.empty());
  EXPECT_EQ(warnings.front(),
            "virtio-net: queue 1 has a chain that does not end; the device stops until the driver resets it");
}

TEST_P(NetworkCardTest, GoesOnAfterResetsUnderLoad) {
  start({"reset=20"});
  expect_service();
  for (std::uint16_t i = 0; i < 100; ++i) expect_echo(static_cast<std::uint16_t>(100 + i), 200);
  end_guest();
}

TEST_P(NetworkCardTest, HoldsNothingUpWhenTheGuestTakesNoMore) {
  start({"no-refill"});
  const auto is_answer = [](const Bytes& frame) { return frame[13] == 6; };
  ASSERT_TRUE(ask(arp_request(), is_answer));
  // More frames than the queue can hold, up to the limit of the socket.
  const auto request = echo_request(guest_mac, 1, 1000);
  int sent = 0;
  while (sent < 2000 && ::send(wire.get(), request.data(), request.size(), MSG_DONTWAIT) > 0) ++sent;
  EXPECT_LT(sent, 2000);
  machine->stop(1);
  finish();
  EXPECT_TRUE(std::holds_alternative<Stopped>((**result).ending));
}

// The thread of the card waits in a write that nobody reads.
TEST_P(NetworkCardTest, EndsWhileTheCaptureFileBlocks) {
  const testing::TemporaryDirectory place;
  capture_file = place.file("capture");
  ASSERT_EQ(::mkfifo(capture_file.c_str(), 0600), 0);
  const Descriptor reader{::open(capture_file.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC)};
  ASSERT_TRUE(reader.is_open());
  const int capacity = ::fcntl(reader.get(), F_SETPIPE_SZ, 4096);
  ASSERT_GT(capacity, 0);
  start({});
  const auto request = echo_request(guest_mac, 1, 1000);
  // Two frames are in the pipe, and there is no space for a third.
  int available = 0;
  const auto limit = std::chrono::steady_clock::now() + 10s;
  while (available + std::ssize(request) <= capacity && std::chrono::steady_clock::now() < limit) {
    ::send(wire.get(), request.data(), request.size(), MSG_DONTWAIT);
    std::this_thread::sleep_for(1ms);
    ASSERT_EQ(::ioctl(reader.get(), FIONREAD, &available), 0);
  }
  ASSERT_GT(available + std::ssize(request), capacity);
  while (::send(wire.get(), request.data(), request.size(), MSG_DONTWAIT) > 0) {
  }
  const auto stopped = std::chrono::steady_clock::now();
  machine->stop(1);
  finish();
  EXPECT_LT(std::chrono::steady_clock::now() - stopped, 1s);
  EXPECT_TRUE(std::holds_alternative<Stopped>((**result).ending));
}

TEST_P(NetworkCardTest, IsDownWhenThePeerHasGone) {
  start({});
  expect_service();
  wire = Descriptor{};
  wait_for_warning();
  EXPECT_EQ(warning_count, 1);
  machine->stop(1);
  finish();
  EXPECT_EQ(warnings.front().find("the guest's network is down: "), 0U) << warnings.front();
}

// A pause stops the card, too: no frame reaches the guest or is sent by it.
TEST_P(NetworkCardTest, StandsWhileTheGuestIsPaused) {
  start({});
  expect_service();
  ASSERT_EQ(machine->pause(), PauseOutcome::paused);
  while (receive(0ms)) {
  }
  send(echo_request(guest_mac, 77, 56));
  EXPECT_FALSE(receive(200ms));
  machine->resume();
  expect_echo(78, 56);
  end_guest();
}

TEST_P(NetworkCardTest, ServesSeveralVcpus) {
  MachineOptions options;
  options.cpu_count = 2;
  start({"irq=msix"}, std::move(options));
  expect_service();
  end_guest();
}

INSTANTIATE_TEST_SUITE_P(Interface, NetworkCardTest, ::testing::Values("if1", "if3"),
                         [](const auto& test) { return test.param; });

}  // namespace
}  // namespace hermitage::vmm
