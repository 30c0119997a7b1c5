#include "hermitage/qemu/command_line.hpp"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace hermitage::qemu {
namespace {

using entry::Arch;
using entry::Endian;

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;

auto machine_for(Target target) -> Machine {
  return {.target = target,
          .image = "dir/image",
          .image_size = 3 * kMiB + 1,
          .loader = "share/loader",
          .boot_arguments = "hermitage.log=error -- one 'two words'",
          .memory_size = 128 * kMiB};
}

auto text_of(const Machine& machine) -> std::string {
  const auto line = command_line(machine);
  return line ? shell_text(*line) : "error: " + line.error();
}

// What follows a word; empty when it is not there.
auto value_of(const Machine& machine, std::string_view option) -> std::string {
  const auto line = command_line(machine);
  if (!line) return "error: " + line.error();
  const auto found = std::ranges::find(line->words, option);
  return found == line->words.end() || found + 1 == line->words.end() ? "" : *(found + 1);
}

constexpr std::string_view kBegin =
    " -sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny -nodefaults -no-user-config "
    "-no-reboot -display none -serial stdio -accel tcg -machine ";
constexpr std::string_view kAppend = " -append 'hermitage.log=error -- one '\\''two words'\\'''";

auto expected(std::string_view program, std::string_view rest) -> std::string {
  return std::string{program} + std::string{kBegin} + std::string{rest} + std::string{kAppend};
}

TEST(ShellText, HasNoControlCharacters) {
  EXPECT_EQ(
      shell_text({.words = {"qemu", "\x1b[2J it's\n", "\xc2\x9b", "gr\xc3\xbc\xc3\x9f"}, .descriptors = {"\x7f"}}),
      R"(qemu $'\033[2J it\047s\012' $'\302\233' 'gr)"
      "\xc3\xbc\xc3\x9f"
      R"(' 3<$'\177')");
}

TEST(CommandLine, IsThatOfTheArchitecture) {
  EXPECT_EQ(text_of(machine_for({Arch::x86_64})),
            expected("qemu-system-x86_64",
                     "pc,mem-merge=off -cpu max -smp 1 -m 128M -device "
                     "isa-debug-exit,iobase=0xf4,iosize=0x04 -kernel share/loader -initrd "
                     "dir/image"));
  // The image is at the end of the memory, at whole MiB.
  EXPECT_EQ(
      text_of(machine_for({Arch::aarch64})),
      expected("qemu-system-aarch64",
               "virt,gic-version=3,mem-merge=off -cpu cortex-a72 -smp 1 -m 128M -semihosting-config "
               "enable=on,target=gdb -kernel share/loader -device guest-loader,addr=0x47c00000,initrd=dir/image"));
  EXPECT_EQ(
      text_of(machine_for({Arch::aarch64, Endian::big})),
      expected("qemu-system-aarch64",
               "virt,gic-version=3,mem-merge=off -cpu max,lpa2=off -smp 1 -m 128M -semihosting-config "
               "enable=on,target=gdb -kernel share/loader -device guest-loader,addr=0x47c00000,initrd=dir/image"));
  EXPECT_EQ(text_of(machine_for({Arch::riscv64})),
            expected("qemu-system-riscv64",
                     "virt,mem-merge=off -cpu rv64 -smp 1 -m 128M -kernel share/loader -initrd dir/image"));
}

TEST(CommandLine, IsPrintableForAShell) {
  EXPECT_EQ(shell_text({.words = {"a", "b c", "it's", "\x1b[2J", "'\\\n\xc3\xbc\x7f"}, .descriptors = {"\r"}}),
            R"(a 'b c' 'it'\''s' $'\033[2J' $'\047\134\012\303\274\177' 3<$'\015')");
}

TEST(CommandLine, HasProcessorsAndMemory) {
  for (const auto target : kTargets) {
    auto machine = machine_for(target);
    machine.cpu_count = 4;
    machine.memory_size = 8192 * kMiB;
    EXPECT_EQ(value_of(machine, "-smp"), "4");
    EXPECT_EQ(value_of(machine, "-m"), "8192M");
  }
}

TEST(CommandLine, NeverGivesAGuestTheHostsFiles) {
  for (const auto target : kTargets) {
    EXPECT_EQ(text_of(machine_for(target)).find("target=native"), std::string::npos);
  }
}

TEST(CommandLine, TakesKvmOrTheUsersAccelerator) {
  auto machine = machine_for({Arch::x86_64});
  machine.uses_kvm = true;
  EXPECT_EQ(value_of(machine, "-accel"), "kvm");
  EXPECT_EQ(value_of(machine, "-cpu"), "host");

  machine.uses_kvm = false;
  machine.more = {"-accel", "xen"};
  const auto line = command_line(machine);
  ASSERT_TRUE(line);
  EXPECT_EQ(std::ranges::count(line->words, "-accel"), 1);
  EXPECT_EQ(value_of(machine, "-accel"), "xen");
}

TEST(CommandLine, MapsOptions) {
  auto machine = machine_for({Arch::x86_64});
  EXPECT_EQ(value_of(machine, "-overcommit"), "");
  machine.merges_pages = true;
  machine.manages_power = true;
  machine.has_sandbox = false;
  EXPECT_EQ(value_of(machine, "-machine"), "pc,mem-merge=on");
  EXPECT_EQ(value_of(machine, "-overcommit"), "cpu-pm=on");
  EXPECT_EQ(value_of(machine, "-sandbox"), "");
}

TEST(CommandLine, PutsTheUsersWordsBehindOurs) {
  auto machine = machine_for({Arch::riscv64});
  machine.more = {"-device", "virtio-rng-pci", "-name", "two words"};
  const auto line = command_line(machine);
  ASSERT_TRUE(line);
  ASSERT_GE(line->words.size(), 4U);
  EXPECT_TRUE(std::equal(machine.more.begin(), machine.more.end(), line->words.end() - 4));
}

TEST(CommandLine, NeedsNoLoaderForAKernelThatBootsByItself) {
  auto machine = machine_for({Arch::x86_64});
  machine.loader.clear();
  EXPECT_EQ(value_of(machine, "-kernel"), "dir/image");
  EXPECT_EQ(value_of(machine, "-initrd"), "");
  machine.boot_arguments.clear();
  EXPECT_EQ(value_of(machine, "-append"), "");
}

TEST(CommandLine, NamesFilesSoThatQemuReadsThemRight) {
  // Multiboot has the loader's name in its command line, and a list of modules with words behind each.
  auto machine = machine_for({Arch::x86_64});
  machine.image = "an,image";
  EXPECT_EQ(value_of(machine, "-initrd"), "an,,image");
  machine.image = "an image";
  machine.loader = "the loader";
  const auto line = command_line(machine);
  ASSERT_TRUE(line);
  EXPECT_EQ(line->descriptors, (std::vector<std::string>{"the loader", "an image"}));
  EXPECT_EQ(value_of(machine, "-kernel"), "/dev/fd/3");
  EXPECT_EQ(value_of(machine, "-initrd"), "/dev/fd/4");
  EXPECT_TRUE(shell_text(*line).ends_with(" 3<'the loader' 4<'an image'"));

  machine.target = {Arch::riscv64};
  machine.image = "an image, with commas";
  EXPECT_EQ(value_of(machine, "-initrd"), "an image, with commas");
  machine.target = {Arch::aarch64};
  EXPECT_EQ(value_of(machine, "-device"), "guest-loader,addr=0x47c00000,initrd=an image,, with commas");
}

TEST(CommandLine, PutsTheImageWhereAnAarch64LoaderSeesIt) {
  auto machine = machine_for({Arch::aarch64});
  const auto place = [&machine](std::uint64_t memory, std::uint64_t size) {
    machine.memory_size = memory * kMiB;
    machine.image_size = size;
    return value_of(machine, "-device");
  };
  EXPECT_EQ(place(8192, 1), "guest-loader,addr=0x7ff00000,initrd=dir/image");
  EXPECT_EQ(place(18, kMiB), "guest-loader,addr=0x41100000,initrd=dir/image");
  EXPECT_EQ(place(18, 2 * kMiB), "guest-loader,addr=0x41000000,initrd=dir/image");
  for (const auto& [memory, size] : {std::pair{18 * kMiB, 2 * kMiB + 1}, {16 * kMiB, kMiB}, {16 * kMiB, 20 * kMiB}}) {
    const auto text = place(memory / kMiB, size);
    EXPECT_NE(text.find("does not fit into"), std::string::npos) << text;
    EXPECT_NE(text.find("--memory-size"), std::string::npos) << text;
  }
}

TEST(CommandLine, HasALimit) {
  auto machine = machine_for({Arch::x86_64});
  machine.boot_arguments.assign(kMaxBootArguments, 'x');
  EXPECT_EQ(value_of(machine, "-append").size(), kMaxBootArguments);
  machine.boot_arguments += 'x';
  EXPECT_NE(text_of(machine).find("more than the limit of 15360"), std::string::npos) << text_of(machine);
}

// ---- A network

constexpr std::string_view kCard = "virtio-net-pci,netdev=hermitage,disable-legacy=on,romfile=";

// The value behind the last such word.
auto last_value_of(const Machine& machine, std::string_view option) -> std::string {
  const auto line = command_line(machine);
  if (!line) return "error: " + line.error();
  const auto found = std::ranges::find(line->words.rbegin(), line->words.rend(), option);
  return found == line->words.rend() || found == line->words.rbegin() ? "" : *(found - 1);
}

auto machine_with(std::string_view network, const std::vector<std::string>& ports = {}) -> Machine {
  auto machine = machine_for({Arch::x86_64});
  machine.network.spec = base::parse_network(network).value();
  for (const auto& port : ports) machine.network.forwards.push_back(base::parse_port_forward(port).value());
  return machine;
}

// To read and write it.
auto needs(const Machine& machine, const std::string& path) -> bool {
  const auto line = command_line(machine);
  return line && std::ranges::find(line->files, NeededFile{.path = path, .is_written = true}) != line->files.end();
}

TEST(Network, IsThereOnEveryBoard) {
  for (const auto target : kTargets) {
    EXPECT_EQ(value_of(machine_for(target), "-netdev"), "");
    auto machine = machine_with("user");
    machine.target = target;
    EXPECT_EQ(value_of(machine, "-netdev"), "user,id=hermitage");
    EXPECT_EQ(last_value_of(machine, "-device"), kCard);
  }
}

TEST(Network, ForwardsPorts) {
  EXPECT_EQ(value_of(machine_with("user", {"8080:80", "127.0.0.1:53:5353/udp", "[::]:1:1"}), "-netdev"),
            "error: --publish: QEMU can only forward ports of IPv4 addresses, not of ::");
  EXPECT_EQ(value_of(machine_with("user", {"8080:80", "127.0.0.1:53:5353/udp", "100-102:200-202"}), "-netdev"),
            "user,id=hermitage,hostfwd=tcp::8080-:80,hostfwd=udp:127.0.0.1:53-:5353,hostfwd=tcp::100-:200,"
            "hostfwd=tcp::101-:201,hostfwd=tcp::102-:202");
  EXPECT_LT(value_of(machine_with("user", {"255.255.255.255:60001-62048:60001-62048"}), "-netdev").size(), 128U << 10U);
  EXPECT_EQ(value_of(machine_with("user", {"1-2048:1-2048", "3000:1"}), "-netdev"),
            "error: --publish: QEMU forwards at most 2048 ports");
}

TEST(Network, IsATap) {
  const auto machine = machine_with("tap:tap0,mac=02:00:00:00:00:01,mtu=9000");
  EXPECT_EQ(value_of(machine, "-netdev"), "tap,id=hermitage,ifname=tap0,script=no,downscript=no");
  EXPECT_EQ(last_value_of(machine, "-device"), std::string{kCard} + ",mac=02:00:00:00:00:01,host_mtu=9000");
  EXPECT_TRUE(needs(machine, "/dev/net/tun"));
  const auto with_vhost = machine_with("tap,vhost=on");
  EXPECT_EQ(value_of(with_vhost, "-netdev"), "tap,id=hermitage,script=no,downscript=no,vhost=on");
  EXPECT_TRUE(needs(with_vhost, "/dev/vhost-net"));
  EXPECT_EQ(value_of(machine_with("tap,vhost=off"), "-netdev"), "tap,id=hermitage,script=no,downscript=no,vhost=off");
}

TEST(Network, IsADescriptor) {
  auto machine = machine_with("fd:7");
  EXPECT_EQ(value_of(machine, "-netdev"), "tap,id=hermitage,fd=7");
  machine.network.is_socket = true;
  EXPECT_EQ(value_of(machine, "-netdev"), "socket,id=hermitage,fd=7");
  machine = machine_with("fd:7,vhost=on");
  EXPECT_EQ(value_of(machine, "-netdev"), "tap,id=hermitage,fd=7,vhost=on");
  machine.network.is_socket = true;
  EXPECT_EQ(value_of(machine, "-netdev"), "error: --net fd:7: vhost=on requires a tap, but this is a socket");
  machine = machine_with("fd:4");
  machine.image = "an image";
  EXPECT_EQ(value_of(machine, "-netdev"), "tap,id=hermitage,fd=4");
  machine.loader = "a loader";
  EXPECT_EQ(value_of(machine, "-netdev"),
            "error: --net fd:4: QEMU uses this number itself; pass a descriptor of 10 or above");
}

TEST(Debugging, IsQemusOwn) {
  auto machine = machine_with("none");
  EXPECT_EQ(value_of(machine, "-gdb"), "");
  machine.debugging = Debugging{.place = "1234"};
  EXPECT_EQ(value_of(machine, "-gdb"), "tcp:127.0.0.1:1234");
  const auto waiting = command_line(machine)->words;
  EXPECT_NE(std::ranges::find(waiting, "-S"), waiting.end());
  machine.debugging = Debugging{.place = "10.0.5.1:1234", .waits = false};
  EXPECT_EQ(value_of(machine, "-gdb"), "tcp:10.0.5.1:1234");
  const auto running = command_line(machine)->words;
  EXPECT_EQ(std::ranges::find(running, "-S"), running.end());
  machine.debugging = Debugging{.place = "unix:/a,b"};
  EXPECT_EQ(value_of(machine, "-gdb"), "unix:/a,,b,server=on,wait=off");
  EXPECT_EQ(debugger_address("unix:/a,b"), "/a,b");
  EXPECT_EQ(debugger_address("1234"), "127.0.0.1:1234");
  EXPECT_EQ(debugger_address("10.0.5.1:1234"), "10.0.5.1:1234");
}

TEST(Network, IsWrittenToAFile) {
  auto machine = machine_with("user");
  EXPECT_EQ(value_of(machine, "-object"), "");
  machine.network.pcap = "a,b.pcap";
  EXPECT_EQ(value_of(machine, "-object"), "filter-dump,id=hermitage-pcap,netdev=hermitage,file=a,,b.pcap");
}

TEST(Network, LeavesTheUsersOwnAlone) {
  auto machine = machine_for({Arch::x86_64});
  machine.more = {"-netdev", "user,id=n,hostfwd=tcp::9975-:9975", "-device", "virtio-net-pci,netdev=n"};
  EXPECT_EQ(value_of(machine, "-netdev"), "user,id=n,hostfwd=tcp::9975-:9975");
  EXPECT_EQ(last_value_of(machine, "-device"), "virtio-net-pci,netdev=n");
}

}  // namespace
}  // namespace hermitage::qemu
