// Prints the boot info, and the device tree that it refers to.
#include <variant>

#include "guests/runtime/device_tree.hpp"
#include "guests/runtime/guest.hpp"

namespace {

using guest::Line;
using guest::entry::GuestRange;

void print_field(std::string_view name, std::string_view value) {
  Line line;
  guest::print_line(line.append(name).append(": ").append(value));
}

void print_hex(std::string_view name, std::uint64_t value) {
  Line text;
  print_field(name, text.append_hex(value));
}

void print_decimal(std::string_view name, std::uint64_t value) {
  Line text;
  print_field(name, text.append_decimal(value));
}

void print_range(std::string_view name, GuestRange range) {
  Line text;
  print_field(name, text.append_hex(range.start.value).append(" to ").append_hex(range.end.value));
}

void print_command_line(const std::optional<guest::entry::CommandLine>& command_line) {
  if (!command_line) return print_field("command line", "none");
  guest::print("command line: ");
  guest::print({reinterpret_cast<const char*>(command_line->address.value), command_line->size});
  guest::print("\n");
}

struct PlatformPrinter {
  void operator()(const guest::entry::MultibootPlatform& multiboot) const {
    print_field("platform", "Multiboot");
    print_command_line(multiboot.command_line);
    print_hex("multiboot info", multiboot.multiboot_info.value);
  }
  void operator()(guest::entry::LinuxBootPlatform /*unused*/) const { print_field("platform", "LinuxBoot"); }
  void operator()(const guest::entry::UhyvePlatform& uhyve) const {
    print_field("platform", "Uhyve");
    print_field("PCI", uhyve.has_pci ? "yes" : "no");
    print_decimal("CPUs", uhyve.num_cpus);
    if (uhyve.cpu_freq_khz) print_decimal("CPU frequency in kHz", *uhyve.cpu_freq_khz);
    Line time;
    guest::append_signed(time, uhyve.boot_time.seconds).append(" s ");
    print_field("boot time", time.append_decimal(uhyve.boot_time.nanoseconds).append(" ns"));
  }
  void operator()(const guest::entry::LinuxBootParamsPlatform& linux_boot_params) const {
    print_field("platform", "LinuxBootParams");
    print_command_line(linux_boot_params.command_line);
    print_hex("boot_params", linux_boot_params.boot_params.value);
  }
  void operator()(guest::entry::FdtPlatform /*unused*/) const { print_field("platform", "Fdt"); }
};

void print_boot_info(const guest::entry::BootInfo& info) {
  print_range("physical addresses", info.hardware.phys_addr_range);
  if (info.hardware.serial_port_base) print_hex("serial port", *info.hardware.serial_port_base);
  if (info.hardware.device_tree) print_hex("device tree", info.hardware.device_tree->value);
  print_range("image", info.load.kernel_image);
  if (info.load.tls) {
    print_hex("TLS start", info.load.tls->start.value);
    print_decimal("TLS size in file", info.load.tls->filesz);
    print_decimal("TLS size in memory", info.load.tls->memsz);
    print_decimal("TLS alignment", info.load.tls->align);
  }
  std::visit(PlatformPrinter{}, info.platform);
}

// Whether the value is probably one or more strings.
auto is_text(std::string_view value) -> bool {
  if (value.size() < 2 || value.front() == '\0' || value.back() != '\0') return false;
  for (const char character : value) {
    if (character != '\0' && (character < ' ' || character > '~')) return false;
  }
  return true;
}

void print_value(const guest::entry::ByteView& value) {
  if (value.empty()) return;
  guest::print(" =");
  if (is_text(value.text())) {
    auto rest = value.text();
    while (!rest.empty()) {
      const auto end = guest::entry::index_of(rest, '\0');
      guest::print(" \"");
      guest::print(rest.substr(0, end));
      guest::print("\"");
      rest.remove_prefix(end + 1);
    }
    return;
  }
  for (std::size_t at = 0; at + 4 <= value.size(); at += 4) {
    Line word;
    guest::print(word.append(' ').append_hex(value.get<std::uint32_t>(at)));
  }
}

void print_device_tree() {
  const auto tree = guest::DeviceTree::of_boot_info();
  if (!tree) return guest::print_line("no device tree");
  tree->walk([](const guest::DeviceTree::Item& item) {
    using Kind = guest::DeviceTree::Kind;
    if (item.kind == Kind::node_end) return true;
    const std::size_t indent = item.kind == Kind::node ? item.depth : item.depth + 1;
    for (std::size_t i = 0; i < indent; ++i) guest::print("  ");
    guest::print(item.depth == 0 && item.kind == Kind::node ? "/" : item.name);
    print_value(item.value);
    guest::print("\n");
    return true;
  });
}

}  // namespace

auto guest_main() -> int {
  const auto info = guest::kernel::decode(guest::boot_info());
  if (!info) guest::fail(info.error().message());
  print_boot_info(*info);
  print_device_tree();
  return 0;
}
