#include "hermitage/qemu/command_line.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "hermitage/base/arguments.hpp"
#include "hermitage/entry/utf8.hpp"

namespace hermitage::qemu {
namespace {

using entry::Arch;

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;

// The name of the guest's network in QEMU; the user may define others.
constexpr std::string_view kNetwork = "hermitage";
constexpr std::string_view kUnix = "unix:";

// The start of memory of QEMU's virt machine for aarch64.
constexpr std::uint64_t kAarch64Memory = 0x4000'0000;
// The part of the memory that a loader initially maps.
constexpr std::uint64_t kAarch64Reach = std::uint64_t{1} << 30;
// Space below the image for the device tree, the loader and a small kernel.
constexpr std::uint64_t kAarch64Room = 16 * kMiB;

// In a comma-separated list, a literal comma is doubled.
auto with_commas_doubled(std::string_view text) -> std::string {
  std::string doubled;
  for (const char character : text) doubled.append(character == ',' ? 2 : 1, character);
  return doubled;
}

auto processor_of(const Machine& machine) -> const char* {
  if (machine.uses_kvm) return "host";
  switch (machine.target.arch) {
    case Arch::x86_64: return "max";
    // Big-endian Hermit does not support 52-bit addresses.
    case Arch::aarch64: return machine.target.endian == entry::Endian::big ? "max,lpa2=off" : "cortex-a72";
    case Arch::riscv64: return "rv64";
  }
  return {};
}

auto board_of(Arch arch) -> const char* {
  switch (arch) {
    case Arch::x86_64: return "pc";
    case Arch::aarch64: return "virt,gic-version=3";
    case Arch::riscv64: return "virt";
  }
  return {};
}

class Builder {
 public:
  explicit Builder(const Machine& machine) : machine_{machine} {}

  [[nodiscard]] auto build() -> std::expected<CommandLine, std::string> {
    add_files();
    add_board();
    add_ending();
    if (machine_.loader.empty()) {
      add("-kernel", file(machine_.image, " "));
    } else if (auto added = add_loader(); !added) {
      return std::unexpected{std::move(added.error())};
    }
    if (auto added = add_network(); !added) return std::unexpected{std::move(added.error())};
    add_debugging();
    if (machine_.boot_arguments.size() > kMaxBootArguments) {
      return std::unexpected{fmt::format("arguments and environment have {} bytes, more than the limit of {} in QEMU",
                                         machine_.boot_arguments.size(), kMaxBootArguments)};
    }
    if (!machine_.boot_arguments.empty()) add("-append", machine_.boot_arguments);
    line_.words.insert(line_.words.end(), machine_.more.begin(), machine_.more.end());
    return std::move(line_);
  }

 private:
  void add(std::string_view option) { line_.words.emplace_back(option); }
  void add(std::string_view option, std::string value) {
    add(option);
    line_.words.push_back(std::move(value));
  }

  void add_files() {
    if (machine_.uses_kvm) line_.files.push_back({.path = "/dev/kvm", .is_written = true});
    if (!machine_.loader.empty()) line_.files.push_back({.path = machine_.loader});
    line_.files.push_back({.path = machine_.image});
  }

  // Only the devices that the guest needs, for a fast start. A reset ends the guest.
  void add_board() {
    add(program_name(machine_.target));
    if (machine_.has_sandbox) {
      add("-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny");
    }
    add("-nodefaults");
    add("-no-user-config");
    add("-no-reboot");
    add("-display", "none");
    add("-serial", "stdio");
    // QEMU uses the first accelerator that works, so an accelerator of the user must be the only one.
    if (std::ranges::find(machine_.more, "-accel") == machine_.more.end()) {
      add("-accel", machine_.uses_kvm ? "kvm" : "tcg");
    }
    add("-machine",
        fmt::format("{},mem-merge={}", board_of(machine_.target.arch), machine_.merges_pages ? "on" : "off"));
    if (machine_.manages_power) add("-overcommit", "cpu-pm=on");
    add("-cpu", processor_of(machine_));
    add("-smp", fmt::format("{}", machine_.cpu_count));
    add("-m", fmt::format("{}M", machine_.memory_size / kMiB));
  }

  // The device by which the guest reports its exit code.
  void add_ending() {
    switch (machine_.target.arch) {
      case Arch::x86_64: return add("-device", "isa-debug-exit,iobase=0xf4,iosize=0x04");
      // Native semihosting would give the guest all files and the shell of the host. With target=gdb, file calls go to
      // a debugger, which does not exist.
      case Arch::aarch64: return add("-semihosting-config", "enable=on,target=gdb");
      // The board has a test device (sifive_test). With semihosting, newer firmware, such as OpenSBI 1.6, would use it,
      // and wait for the debugger forever.
      case Arch::riscv64: return;
    }
  }

  // How the loader of each platform finds the image (docs/abi.md).
  [[nodiscard]] auto add_loader() -> std::expected<void, std::string> {
    switch (machine_.target.arch) {
      case Arch::x86_64:
        // A list of Multiboot modules, separated by commas; a name ends at a space. The loader removes the first
        // argument of its own command line, which is its path.
        add("-kernel", file(machine_.loader, " "));
        add("-initrd", with_commas_doubled(file(machine_.image, " ")));
        return {};
      case Arch::aarch64: return add_guest_loader();
      case Arch::riscv64:
        add("-kernel", machine_.loader);
        add("-initrd", machine_.image);
        return {};
    }
    return {};
  }

  // QEMU's virt machine ignores -initrd for programs other than Linux. At the end of the memory, the image overlaps
  // nothing.
  [[nodiscard]] auto add_guest_loader() -> std::expected<void, std::string> {
    const auto reach = std::min(machine_.memory_size, kAarch64Reach);
    const auto size = (machine_.image_size + kMiB - 1) / kMiB * kMiB;
    if (size > reach || reach - size < kAarch64Room) {
      return std::unexpected{
          fmt::format("an image of {} MiB does not fit into {} MiB of memory; increase --memory-size", size / kMiB,
                      machine_.memory_size / kMiB)};
    }
    add("-kernel", machine_.loader);
    add("-device", fmt::format("guest-loader,addr={:#x},initrd={}", kAarch64Memory + reach - size,
                               with_commas_doubled(machine_.image)));
    return {};
  }

  // QEMU's own words for the places that the monitor takes.
  void add_debugging() {
    if (!machine_.debugging) return;
    const auto& [place, waits] = *machine_.debugging;
    const bool is_path = place.starts_with(kUnix);
    add("-gdb", is_path ? with_commas_doubled(place) + ",server=on,wait=off" : "tcp:" + debugger_address(place));
    if (waits) add("-S");
  }

  [[nodiscard]] auto add_network() -> std::expected<void, std::string> {
    const auto& [spec, forwards, pcap, is_socket] = machine_.network;
    if (spec.mode == base::NetworkMode::none) return {};
    auto backend = network_backend();
    if (!backend) return std::unexpected{std::move(backend.error())};
    add("-netdev", std::move(*backend));
    // Without an option ROM, whose file is in a separate package.
    auto device = fmt::format("virtio-net-pci,netdev={},disable-legacy=on,romfile=", kNetwork);
    if (spec.mac) device += ",mac=" + base::to_string(*spec.mac);
    if (spec.mtu) device += fmt::format(",host_mtu={}", *spec.mtu);
    add("-device", std::move(device));
    if (!pcap.empty()) {
      add("-object",
          fmt::format("filter-dump,id={}-pcap,netdev={},file={}", kNetwork, kNetwork, with_commas_doubled(pcap)));
    }
    return {};
  }

  [[nodiscard]] auto network_backend() -> std::expected<std::string, std::string> {
    const auto& spec = machine_.network.spec;
    switch (spec.mode) {
      case base::NetworkMode::none: break;
      case base::NetworkMode::user: return user_network();
      case base::NetworkMode::tap: {
        line_.files.push_back({.path = "/dev/net/tun", .is_written = true});
        const auto name = spec.interface.empty() ? std::string{} : ",ifname=" + with_commas_doubled(spec.interface);
        return fmt::format("tap,id={}{},script=no,downscript=no{}", kNetwork, name, vhost());
      }
      case base::NetworkMode::descriptor: return network_of_descriptor();
    }
    return {};
  }

  [[nodiscard]] auto vhost() -> const char* {
    switch (machine_.network.spec.vhost) {
      case base::Vhost::automatic: return "";
      case base::Vhost::off: return ",vhost=off";
      case base::Vhost::on: break;
    }
    line_.files.push_back({.path = "/dev/vhost-net", .is_written = true});
    return ",vhost=on";
  }

  // The network that is built into QEMU.
  [[nodiscard]] auto user_network() const -> std::expected<std::string, std::string> {
    auto network = fmt::format("user,id={}", kNetwork);
    unsigned count = 0;
    for (const auto& forward : machine_.network.forwards) {
      if (forward.address.find(':') != std::string::npos) {
        return std::unexpected{
            fmt::format("--publish: QEMU can only forward ports of IPv4 addresses, not of {}", forward.address)};
      }
      count += forward.count;
      if (count > kMaxForwards) {
        return std::unexpected{fmt::format("--publish: QEMU forwards at most {} ports", kMaxForwards)};
      }
      const auto* const transport = forward.transport == base::Transport::tcp ? "tcp" : "udp";
      for (unsigned i = 0; i < forward.count; ++i) {
        network += fmt::format(",hostfwd={}:{}:{}-:{}", transport, forward.address, forward.host_port + i,
                               forward.guest_port + i);
      }
    }
    return network;
  }

  [[nodiscard]] auto network_of_descriptor() -> std::expected<std::string, std::string> {
    const auto& network = machine_.network;
    const int number = network.spec.descriptor;
    if (number < kFirstDescriptor + static_cast<int>(line_.descriptors.size())) {
      return std::unexpected{
          fmt::format("--net fd:{}: QEMU uses this number itself; pass a descriptor of 10 or above", number)};
    }
    if (!network.is_socket) return fmt::format("tap,id={},fd={}{}", kNetwork, number, vhost());
    if (network.spec.vhost == base::Vhost::on) {
      return std::unexpected{fmt::format("--net fd:{}: vhost=on requires a tap, but this is a socket", number)};
    }
    return fmt::format("socket,id={},fd={}", kNetwork, number);
  }

  // A file by its name, or by a descriptor if the name contains a separator of QEMU.
  [[nodiscard]] auto file(const std::string& path, std::string_view ends) -> std::string {
    if (path.find_first_of(ends) == std::string::npos) return path;
    line_.descriptors.push_back(path);
    return fmt::format("/dev/fd/{}", kFirstDescriptor + static_cast<int>(line_.descriptors.size()) - 1);
  }

  const Machine& machine_;
  CommandLine line_;
};

// Control characters: C0, DEL, and U+0080 to U+009F.
// Whether it contains characters that a terminal may interpret: C0 and C1 controls, and invalid UTF-8.
auto has_controls(std::string_view text) -> bool {
  if (!entry::is_utf8(text)) return true;
  bool is_after_c2 = false;
  return std::ranges::any_of(text, [&is_after_c2](char character) {
    const auto byte = static_cast<unsigned char>(character);
    const bool is_c1 = is_after_c2 && byte >= 0x80 && byte < 0xa0;
    is_after_c2 = byte == 0xc2;
    return byte < 0x20 || byte == 0x7f || is_c1;
  });
}

// Arguments may come from an image. Those with control characters are quoted with $'…' (POSIX.1-2024), so that they do
// not control the terminal.
auto shell_word(std::string_view word) -> std::string {
  if (!has_controls(word)) return base::shell_quoted(word);
  std::string quoted = "$'";
  for (const char character : word) {
    const auto byte = static_cast<unsigned char>(character);
    const bool is_plain = byte >= 0x20 && byte < 0x7f && byte != '\'' && byte != '\\';
    quoted += is_plain ? std::string(1, character) : fmt::format("\\{:03o}", byte);
  }
  return quoted + "'";
}

}  // namespace

auto debugger_address(std::string_view place) -> std::string {
  if (place.starts_with(kUnix)) return std::string{place.substr(kUnix.size())};
  const bool has_host = place.find(':') != std::string_view::npos;
  return fmt::format("{}{}", has_host ? "" : "127.0.0.1:", place);
}

auto command_line(const Machine& machine) -> std::expected<CommandLine, std::string> {
  return Builder{machine}.build();
}

auto shell_text(const CommandLine& line) -> std::string {
  std::string text;
  for (const auto& word : line.words) text += fmt::format("{}{}", text.empty() ? "" : " ", shell_word(word));
  int descriptor = kFirstDescriptor;
  for (const auto& path : line.descriptors) text += fmt::format(" {}<{}", descriptor++, shell_word(path));
  return text;
}

}  // namespace hermitage::qemu
