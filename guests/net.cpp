// A web server and other services on a virtio network device on PCI, with an own network stack: see README.md.
#include <array>
#include <new>
#include <optional>
#include <string_view>

#include "guests/devices/clock.hpp"
#include "guests/devices/pci.hpp"
#include "guests/devices/pci_host.hpp"
#include "guests/devices/virtio_net.hpp"
#include "guests/devices/virtio_pci.hpp"
#include "guests/network/http.hpp"
#include "guests/network/services.hpp"
#include "guests/network/stack.hpp"
#include "guests/runtime/guest.hpp"
#include "guests/runtime/ticks.hpp"

#if defined(__x86_64__)
#include "guests/devices/interrupts.hpp"
#include "guests/devices/msix.hpp"
#elif defined(__aarch64__)
#include "guests/devices/gic.hpp"
#endif

namespace {

using guest::Line;
using guest::VirtioNet;
using guest::VirtioPci;
namespace network = guest::network;

constexpr std::uint16_t kNetworkDevice = VirtioPci::kFirstDevice + 1;
constexpr std::uint16_t kEchoPort = 7;
constexpr std::uint16_t kDiscardPort = 9;
constexpr std::uint16_t kSourcePort = 19;
constexpr std::uint16_t kServicePort = 9975;
constexpr std::uint16_t kExitPort = 9976;
constexpr int kMostFramesAtOnce = 64;
constexpr std::uint64_t kFramesBetweenResets = 1000;
constexpr std::uint64_t kLoopTime = 2'000'000;  // microseconds for the device to detect the loop

// How the guest waits for the device. `best`: message interrupts, otherwise the interrupt line, otherwise polling, as
// the machine supports.
enum class Interrupts : std::uint8_t { best, none, line, messages };

struct Arguments {
  std::uint64_t features = guest::virtio_feature::kSupported;
  std::uint16_t queue_size = 256;
  Interrupts interrupts = Interrupts::best;
  bool is_active_low = true;
  network::Configuration address;  // none: use DHCP
  std::uint64_t until = 0;         // number of requests; 0: no limit
  std::uint64_t reset_after = 0;   // number of frames; 0: never
  bool moves_ranges = false;
  bool refills = true;
  bool sends_loop = false;
  bool prints_ipv6 = false;
};

// ---- Arguments

[[noreturn]] void refuse(std::string_view argument) {
  Line line;
  guest::fail(line.append("net: does not know what ").append(argument).append(" is; see guests/README.md"));
}

auto hex_number(std::string_view text) -> std::optional<std::uint64_t> {
  if (!text.starts_with("0x") || text.size() < 3 || text.size() > 18) return std::nullopt;
  text.remove_prefix(2);
  std::uint64_t value = 0;
  for (const char character : text) {
    const char lower = character >= 'A' && character <= 'F' ? static_cast<char>(character - 'A' + 'a') : character;
    const auto digit = guest::entry::index_of("0123456789abcdef", lower);
    if (digit == 16) return std::nullopt;
    value = value << 4 | digit;
  }
  return value;
}

auto count_in(std::string_view text) -> std::optional<std::uint64_t> {
  const auto value = guest::number(text);
  if (!value || *value < 1) return std::nullopt;
  return static_cast<std::uint64_t>(*value);
}

auto read_address(std::string_view value, network::Configuration& address) -> bool {
  const auto slash = guest::entry::index_of(value, '/');
  const auto parsed = network::parse_ipv4_address({value.data(), slash});
  if (slash == value.size() || !parsed || !parsed->is_host()) return false;
  value.remove_prefix(slash + 1);
  const auto prefix = guest::number(value);
  if (!prefix || *prefix < 1 || *prefix > 32) return false;
  address.address = *parsed;
  address.prefix = static_cast<unsigned>(*prefix);
  return true;
}

// Parses an argument KEY=VALUE. Returns false if the key is unknown.
auto read_pair(std::string_view key, std::string_view value, Arguments& arguments) -> bool {
  if (key == "features") {
    const auto features = hex_number(value);
    arguments.features = features.value_or(0);
    return features.has_value();
  }
  if (key == "queue") {
    const auto size = count_in(value);
    if (!size || *size > guest::Virtqueue::kMostSize || !guest::entry::is_power_of_two(*size)) return false;
    arguments.queue_size = static_cast<std::uint16_t>(*size);
    return true;
  }
  if (key == "irq") {
    arguments.interrupts = value == "msix"   ? Interrupts::messages
                           : value == "intx" ? Interrupts::line
                                             : Interrupts::none;
    return value == "msix" || value == "intx" || value == "poll";
  }
  if (key == "polarity") {
    arguments.is_active_low = value == "low";
    return value == "low" || value == "high";
  }
  if (key == "ip") return read_address(value, arguments.address);
  if (key == "gw") {
    const auto gateway = network::parse_ipv4_address(value);
    arguments.address.gateway = gateway.value_or(network::Ipv4Address{});
    return gateway.has_value();
  }
  auto* const count = key == "until" ? &arguments.until : key == "reset" ? &arguments.reset_after : nullptr;
  const auto number = count_in(value);
  if (count == nullptr || !number) return false;
  *count = *number;
  return true;
}

auto read_flag(std::string_view flag, Arguments& arguments) -> bool {
  if (flag == "move-bar") {
    arguments.moves_ranges = true;
  } else if (flag == "no-refill") {
    arguments.refills = false;
  } else if (flag == "loop") {
    arguments.sends_loop = true;
  } else if (flag == "print-ipv6") {
    arguments.prints_ipv6 = true;
  } else if (flag == "reset") {
    arguments.reset_after = kFramesBetweenResets;
  } else {
    return false;
  }
  return true;
}

auto variable(std::string_view name) -> std::optional<std::string_view> {
  for (auto entry : guest::command_line().environment) {
    if (entry.size() <= name.size() || !entry.starts_with(name) || entry[name.size()] != '=') continue;
    entry.remove_prefix(name.size() + 1);
    return entry;
  }
  return std::nullopt;
}

auto read_mask(std::string_view value) -> std::optional<unsigned> {
  const auto mask = network::parse_ipv4_address(value);
  for (unsigned prefix = 1; mask && prefix <= 32; ++prefix) {
    if (network::mask_of(prefix) == mask->value) return prefix;
  }
  return std::nullopt;
}

// The address from the environment variables of Hermit's kernel.
auto read_environment() -> network::Configuration {
  network::Configuration address;
  const auto own = variable("HERMIT_IP");
  if (!own) return address;
  const auto parsed = network::parse_ipv4_address(*own);
  const auto prefix = read_mask(variable("HERMIT_MASK").value_or("255.255.255.0"));
  if (!parsed || !parsed->is_host() || !prefix) guest::fail("net: HERMIT_IP or HERMIT_MASK is no address");
  address.address = *parsed;
  address.prefix = *prefix;
  if (const auto gateway = variable("HERMIT_GATEWAY")) {
    address.gateway = network::parse_ipv4_address(*gateway).value_or(network::Ipv4Address{});
  }
  return address;
}

auto read_arguments() -> Arguments {
  Arguments arguments;
  arguments.address = read_environment();
  for (std::size_t i = 0; const auto argument = guest::argument(i); ++i) {
    const auto equals = guest::entry::index_of(*argument, '=');
    if (equals == argument->size()) {
      if (!read_flag(*argument, arguments)) refuse(*argument);
      continue;
    }
    auto value = *argument;
    value.remove_prefix(equals + 1);
    if (!read_pair({argument->data(), equals}, value, arguments)) refuse(*argument);
  }
  return arguments;
}

// ---- The parts of the guest. Most are large, and are constructed in place when their dependencies exist.

template <class T>
class Place {
 public:
  template <class... Arguments>
  auto make(Arguments&&... arguments) -> T& {
    return *new (bytes_) T(static_cast<Arguments&&>(arguments)...);
  }

 private:
  alignas(T) std::byte bytes_[sizeof(T)];
};

constinit VirtioNet::Memory device_memory{};
constinit network::TcpEcho echo{};
constinit network::TcpDiscard discard{};
constinit network::TcpSource source{};
constinit network::UdpEcho udp_echo{};
Place<network::Stack> stack_place;
Place<network::HttpServer> http_place;

// A datagram `exit`, optionally with a line end, ends the guest.
class ExitService final : public network::UdpService {
 public:
  constexpr ExitService() = default;
  void received(network::Interface& /*interface*/, const network::UdpDatagram& datagram) override {
    is_asked_ = is_asked_ || guest::entry::text_of(datagram.payload).starts_with("exit");
  }
  [[nodiscard]] auto is_asked() const -> bool { return is_asked_; }

 private:
  bool is_asked_ = false;
};
constinit ExitService exit_service{};

// ---- The device

#if defined(__x86_64__)

auto take_line(const guest::PciFunction& function, const VirtioPci& transport, bool is_active_low) -> bool {
  const auto pin = function.interrupt_line();
  if (!pin) return false;
  guest::interrupts::take_line(*pin, is_active_low, transport.interrupt_status());
  function.enable(true);
  return true;
}

// One vector for each queue, if the device has enough.
auto take_messages(guest::PciFunction& function, VirtioNet::Options& options) -> bool {
  const auto msix = guest::Msix::enable(function);
  if (!msix) return false;
  options.receive_vector = 0;
  options.send_vector = msix->size() > 1 ? 1 : 0;
  for (std::uint8_t i = 0; i <= options.send_vector; ++i) {
    const auto vector = static_cast<std::uint8_t>(guest::interrupts::kFirstMessageVector + i);
    const auto message = guest::interrupts::message_for(vector);
    msix->set(i, message.address, message.data);
  }
  return true;
}

// Prints how the guest waits for the device.
auto take_interrupts(const Arguments& arguments, guest::PciFunction& function, const VirtioPci& transport,
                     VirtioNet::Options& options) -> Interrupts {
  const auto wanted = arguments.interrupts;
  if (wanted == Interrupts::none) return wanted;
  guest::interrupts::start();
  if (wanted != Interrupts::line && take_messages(function, options)) return Interrupts::messages;
  if (wanted == Interrupts::messages) guest::fail("net: the device has no MSI-X");
  if (take_line(function, transport, arguments.is_active_low)) return Interrupts::line;
  if (wanted == Interrupts::line) guest::fail("net: the device has no interrupt line");
  return Interrupts::none;
}

void wait(std::optional<std::uint64_t> microseconds) {
  guest::interrupts::wait(microseconds);
}

auto interrupt_count() -> std::uint64_t {
  return guest::interrupts::count();
}

#elif defined(__aarch64__)

auto take_interrupts(const Arguments& arguments, guest::PciFunction& function, const VirtioPci& transport,
                     VirtioNet::Options& /*options*/) -> Interrupts {
  const auto wanted = arguments.interrupts;
  if (wanted == Interrupts::none) return wanted;
  if (wanted == Interrupts::messages) guest::fail("net: takes messages on x86_64 only");
  if (guest::gic::take_line(function.slot(), transport.interrupt_status())) {
    function.enable(true);
    return Interrupts::line;
  }
  if (wanted == Interrupts::line) guest::fail("net: the machine has no GICv3, or the device no interrupt line");
  return Interrupts::none;
}

void wait(std::optional<std::uint64_t> microseconds) {
  guest::gic::wait(microseconds);
}

auto interrupt_count() -> std::uint64_t {
  return guest::gic::count();
}

#else

auto take_interrupts(const Arguments& arguments, guest::PciFunction& /*function*/, const VirtioPci& /*transport*/,
                     VirtioNet::Options& /*options*/) -> Interrupts {
  const auto wanted = arguments.interrupts;
  if (wanted != Interrupts::none && wanted != Interrupts::best)
    guest::fail("net: takes no interrupts on this architecture");
  return Interrupts::none;
}

void wait(std::optional<std::uint64_t> /*microseconds*/) {}

auto interrupt_count() -> std::uint64_t {
  return 0;
}

#endif

// Checks whether the device detects an endless chain, and then resets it.
void send_loop(VirtioNet& device) {
  device.send_loop();
  const auto begin = guest::now_microseconds();
  while (!device.needs_reset()) {
    if (guest::now_microseconds() - begin > kLoopTime) guest::fail("net: the device does not mind a chain that loops");
  }
  guest::print_line("net: the device needs a reset");
  device.start();
}

// ---- The run

void print_global_address(const network::Interface& interface) {
  Line line;
  line.append("net: ").append(text_of(interface.mac())).append(' ').append(text_of(interface.global_address()));
  guest::print_line(line.append("/64"));
}

void print_address(const network::Interface& interface) {
  const auto& configuration = interface.configuration();
  Line line;
  line.append("net: ").append(text_of(interface.mac())).append(' ').append(text_of(configuration.address));
  line.append('/').append_decimal(configuration.prefix).append(" mtu ").append_decimal(configuration.mtu);
  guest::print_line(line);
}

void print_end(const VirtioNet& device, network::Stack& stack, const network::HttpServer& http, std::uint64_t awake) {
  const auto frames = device.received() == 0 ? 1 : device.received();
  Line line;
  line.append("net: ").append_decimal(http.requests()).append(" requests, ").append_decimal(device.received());
  line.append(" frames in, ").append_decimal(device.sent()).append(" out, ").append_decimal(interrupt_count());
  line.append(" interrupts, ").append_decimal(stack.tcp().retransmissions()).append(" losses, awake for ");
  line.append_decimal(awake / frames).append(" ticks each frame, features ");
  guest::print_line(line.append_hex(device.features()));
}

class Run {
 public:
  Run(const Arguments& arguments, bool can_wait, VirtioNet& device, network::Stack& stack,
      const network::HttpServer& http)
      : arguments_{&arguments}, can_wait_{can_wait}, device_{&device}, stack_{&stack}, http_{&http} {}

  void until_the_end() {
    while (!is_over()) {
      const bool was_busy = receive();
      stack_->poll(guest::now_microseconds());
      device_->flush();
      announce();
      reset_if_due();
      if (!was_busy) rest();
    }
  }

  // The time without waits since the first wait.
  [[nodiscard]] auto awake_ticks() const -> std::uint64_t {
    return woken_at_ == 0 ? 0 : awake_ + guest::ticks() - woken_at_;
  }

 private:
  [[nodiscard]] auto is_over() -> bool {
    if (exit_service.is_asked()) return true;
    return arguments_->until != 0 && http_->requests() >= arguments_->until && stack_->tcp().open_connections() == 0;
  }

  // Returns whether a frame was received.
  auto receive() -> bool {
    for (int count = 0; count < kMostFramesAtOnce; ++count) {
      const auto frame = device_->receive();
      if (!frame) return count > 0;
      stack_->receive(frame->bytes, frame->is_checked, guest::now_microseconds());
    }
    device_->release();
    return true;
  }

  // Prints addresses that are new.
  void announce() {
    const auto& interface = stack_->interface();
    if (announced_ != interface.address()) {
      announced_ = interface.address();
      if (!announced_.is_none()) print_address(interface);
    }
    const auto global = interface.global_address();
    if (arguments_->prints_ipv6 && announced_global_ != global) {
      announced_global_ = global;
      if (!global.is_none()) print_global_address(interface);
    }
  }

  void reset_if_due() {
    if (arguments_->reset_after == 0 || device_->received() - reset_at_ < arguments_->reset_after) return;
    reset_at_ = device_->received();
    device_->start();
  }

  void rest() {
    if (!can_wait_) return;
    const auto deadline = stack_->deadline();
    const auto now = guest::now_microseconds();
    if (deadline && *deadline <= now) return;
    if (!device_->prepare_to_wait()) return;
    awake_ = awake_ticks();
    wait(deadline ? std::optional{*deadline - now} : std::nullopt);
    woken_at_ = guest::ticks();
    device_->end_wait();
  }

  const Arguments* arguments_;
  bool can_wait_;
  VirtioNet* device_;
  network::Stack* stack_;
  const network::HttpServer* http_;
  network::Ipv4Address announced_;
  network::Ipv6Address announced_global_;
  std::uint64_t reset_at_ = 0;
  std::uint64_t woken_at_ = 0;
  std::uint64_t awake_ = 0;
};

void listen(network::Stack& stack, network::HttpServer& http) {
  auto& tcp = stack.tcp();
  const bool is_done = tcp.listen(kEchoPort, echo) && tcp.listen(kDiscardPort, discard) &&
                       tcp.listen(kSourcePort, source) && tcp.listen(kServicePort, http) &&
                       stack.listen(kServicePort, udp_echo) && stack.listen(kExitPort, exit_service);
  if (!is_done) guest::fail("net: more services than the stack has room for");
}

}  // namespace

auto guest_main() -> int {
  const auto arguments = read_arguments();
  guest::start_clock();
  auto host = guest::PciHost::find();
  if (!host) guest::fail("net: this machine has no PCI");
  auto function = guest::PciFunction::find(*host, VirtioPci::kVendor, kNetworkDevice);
  if (!function) guest::fail("net: there is no virtio network device");
  if (arguments.moves_ranges) function->move_ranges();
  VirtioPci transport{*function};
  transport.reset();
  VirtioNet::Options options{
      .features = arguments.features, .queue_size = arguments.queue_size, .refills = arguments.refills};
  const auto interrupts = take_interrupts(arguments, *function, transport, options);
  VirtioNet device{transport, device_memory, options};
  device.start();
  if (arguments.sends_loop) send_loop(device);

  const auto seed = guest::ticks() * 0x9e3779b97f4a7c15;
  auto& stack = stack_place.make(device, device.mac(), device.mtu(), seed);
  auto& http = http_place.make(stack.interface());
  listen(stack, http);
  stack.routers().start(guest::now_microseconds());
  if (arguments.address.address.is_none()) {
    stack.dhcp().start(guest::now_microseconds());
  } else {
    auto address = arguments.address;
    address.mtu = device.mtu();
    stack.interface().configure(address);
  }
  Run run{arguments, interrupts != Interrupts::none, device, stack, http};
  run.until_the_end();
  transport.reset();
  print_end(device, stack, http, run.awake_ticks());
  return 0;
}
