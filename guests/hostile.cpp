// Executes one attack, named by its first argument. guests/README.md states the correct reaction of a monitor.
//
// An attack whose call returns prints the result, and exits with 0 if the result is correct, otherwise with 1. Other
// attacks that the monitor survives also end with exit code 0.
#include <array>
#include <cstdint>

#include "guests/runtime/device_tree.hpp"
#include "guests/runtime/guest.hpp"
#include "guests/runtime/machine.hpp"
#include "guests/runtime/monitor.hpp"

namespace {

using guest::Line;
namespace monitor = guest::monitor;
namespace uhyve = guest::monitor::uhyve;
namespace v1 = guest::monitor::v1;
namespace v2 = guest::monitor::v2;
using guest::kernel::gpa_of;
using uhyve::Errno;
using uhyve::Gpa;

bool all_is_well = true;

void report(std::string_view what, std::int64_t result, bool holds) {
  Line line;
  guest::append_signed(line.append(what).append(" -> "), result);
  guest::print_line(line.append(holds ? ": ok" : ": WRONG"));
  if (!holds) all_is_well = false;
}

void expect(std::string_view what, std::int64_t result, Errno wanted) {
  report(what, result, result == -static_cast<std::int64_t>(wanted));
}

// Accepts any error: monitors return different ones.
void expect_failure(std::string_view what, std::int64_t result) {
  report(what, result, result < 0);
}

auto by_interface_1() -> bool {
  return guest::interface == 1;
}

// The range [start, end) of guest memory.
struct Memory {
  Gpa start;
  Gpa end;
};

auto memory() -> Memory {
  std::optional<Memory> found;
  if (const auto tree = guest::DeviceTree::of_boot_info()) {
    bool inside = false;
    tree->walk([&](const guest::DeviceTree::Item& item) {
      using Kind = guest::DeviceTree::Kind;
      if (item.kind == Kind::node && item.depth == 1) inside = item.name.starts_with("memory@");
      if (inside && item.kind == Kind::property && item.name == "reg" && item.value.size() >= 16) {
        const auto start = item.value.get<std::uint64_t>(0);
        found = Memory{.start = start, .end = start + item.value.get<std::uint64_t>(8)};
      }
      return !found;
    });
  }
  if (!found) guest::fail("hostile needs a device tree that tells the memory");
  return *found;
}

// An address far from guest memory that a call of the interface can pass.
auto outside() -> Gpa {
  return by_interface_1() ? 0xfff0'0000 : 0x7fff'ffff'f000;
}

auto pointer_to(Gpa address) -> const char* {
  return reinterpret_cast<const char*>(address);
}

auto span_at(Gpa address, std::uint64_t size) -> std::span<std::byte> {
  return {reinterpret_cast<std::byte*>(address), size};
}

std::array<std::byte, 64> small_buffer;

// ---- Page tables. A monitor maps little more than the loaded kernel.

constexpr std::size_t kPageSize = 4096;

#if defined(__x86_64__)
auto top_table() -> volatile std::uint64_t* {
  std::uint64_t cr3;
  asm volatile("mov %%cr3, %0" : "=r"(cr3));
  return reinterpret_cast<volatile std::uint64_t*>(cr3 & ~std::uint64_t{0xfff});
}

void use_tables() {
  asm volatile("mov %%cr3, %%rax; mov %%rax, %%cr3" : : : "rax", "memory");
}

constexpr std::uint64_t kPresentWritable = 3;
constexpr std::uint64_t kUpperHalf = 0xffff'0000'0000'0000;
#else
auto top_table() -> volatile std::uint64_t* {
  std::uint64_t ttbr0;
  asm volatile("mrs %0, ttbr0_el1" : "=r"(ttbr0));
  return reinterpret_cast<volatile std::uint64_t*>(ttbr0 & 0x0000'ffff'ffff'f000);
}

void use_tables() {
  asm volatile("dsb sy; tlbi vmalle1; dsb sy; isb" : : : "memory");
}

constexpr std::uint64_t kPresentWritable = 0x713;  // normal memory
constexpr std::uint64_t kUpperHalf = 0;
#endif
constexpr std::size_t kSpareEntry = 510;

// The guest-virtual address with `index` in the tables of all levels.
constexpr auto address_by(std::uint64_t index) -> std::uint64_t {
  return kUpperHalf | index << 39 | index << 30 | index << 21 | index << 12;
}

// Maps the page of guest memory at `page`, or an address without memory, to a separate address. Replaces the previous
// mapping.
auto map_page(Gpa page) -> std::span<std::byte> {
  alignas(kPageSize) static constinit std::array<std::uint64_t, 512> tables[3]{};
  top_table()[kSpareEntry] = gpa_of(&tables[0]) | kPresentWritable;
  tables[0][kSpareEntry] = gpa_of(&tables[1]) | kPresentWritable;
  tables[1][kSpareEntry] = gpa_of(&tables[2]) | kPresentWritable;
  tables[2][kSpareEntry] = page | kPresentWritable;
  use_tables();
  return span_at(address_by(kSpareEntry), kPageSize);
}

// ---- Parameters at an invalid address. Each call would have to write its result there.

void open_with_params_at(Gpa address) {
  if (by_interface_1()) {
    v1::hypercall(v1::Hypercall::open, static_cast<v1::Argument>(address));
  } else {
    v2::hypercall(v2::Hypercall::open, address);
  }
}

void params_outside() {
  open_with_params_at(outside());
}
void params_behind_end() {
  open_with_params_at(memory().end);
}
void params_across_end() {
  open_with_params_at(memory().end - 4);
}
void params_wrap() {
  open_with_params_at(by_interface_1() ? 0xffff'fffc : 0xffff'ffff'ffff'fffc);
}
void params_before_start() {
  open_with_params_at(by_interface_1() ? 0xffff'0000 : memory().start - 4096);
}

// ---- Buffers and names at invalid addresses.

void write_and_read(std::string_view what, std::span<std::byte> buffer) {
  guest::print_line(what);
  // A write by interface 1 has no result: the test can only check that nothing is on the console.
  if (by_interface_1()) {
    v1::write(1, buffer);
  } else {
    expect_failure("write", v2::write(1, buffer));
  }
  // At the end of its input, a monitor need not access the buffer.
  const auto size = monitor::read(0, buffer);
  report("read", size, size <= 0);
}

void buffer_outside() {
  write_and_read("outside", span_at(outside(), 64));
}
void buffer_across_end() {
  write_and_read("across the end", span_at(memory().end - 8, 64));
}
void buffer_huge() {
  write_and_read("of 2^63 bytes", {small_buffer.data(), std::size_t{1} << 63});
  write_and_read("of 2^64 - 1 bytes", {small_buffer.data(), ~std::size_t{0}});
}

void serial_outside() {
  monitor::serial_write(span_at(outside(), 64));
}
void serial_huge() {
  monitor::serial_write({small_buffer.data(), ~std::size_t{0}});
}

void expect_bad_name(const char* name) {
  expect_failure("open", monitor::open(name, uhyve::kOpenReadOnly));
  expect_failure("unlink", monitor::unlink(name));
  if (guest::interface < 3) return;
  uhyve::v2::FileAttr attr{};
  expect_failure("stat", v2::stat(name, uhyve::v2::StatKind::stat, attr));
  expect_failure("mkdir", v2::mkdir(name, 4096));
}

void name_outside() {
  expect_bad_name(pointer_to(outside()));
}

// No NUL before the end of memory. That memory contains nothing of this guest.
void name_unterminated() {
  const auto last_page = memory().end - kPageSize;
  for (auto& byte : map_page(last_page)) byte = std::byte{'a'};
  expect_bad_name(pointer_to(last_page));
}

std::array<char, 1 << 20> long_name;

void name_long() {
  for (auto& character : long_name) character = 'a';
  long_name.front() = '/';
  long_name.back() = '\0';
  expect_bad_name(long_name.data());
}

void name_not_utf8() {
  expect_bad_name("/root/\xff\xfe");
}

void name_empty() {
  expect_failure("open", monitor::open("", uhyve::kOpenReadOnly));
  expect_failure("unlink", monitor::unlink(""));
}

// Files of the host that no guest may access.
void name_escape() {
  constexpr const char* kNames[] = {"/etc/passwd",         "../../../../../../etc/passwd",
                                    "/root/../etc/passwd", "/root/../../../../../../etc/passwd",
                                    "/proc/self/mem",      "/dev/kvm"};
  for (const char* const name : kNames) {
    guest::print_line(name);
    expect_failure("open", monitor::open(name, uhyve::kOpenReadOnly));
  }
}

void results_outside() {
  if (guest::interface < 3) return guest::print_line("interface 3 only");
  auto& attr = *reinterpret_cast<uhyve::v2::FileAttr*>(outside());
  expect_failure("stat", v2::stat("/", uhyve::v2::StatKind::stat, attr));
  expect_failure("fstat", v2::fstat(1, attr));
  const int directory = monitor::open("/root", uhyve::kOpenDirectory);
  expect_failure("getdents", v2::getdents(directory, span_at(outside(), 4096)));
  expect_failure("getdents across the end", v2::getdents(directory, span_at(memory().end - 8, 4096)));
  expect_failure("getdents of 2^64 - 1 bytes", v2::getdents(directory, {small_buffer.data(), ~std::size_t{0}}));
}

// ---- Invalid numbers.

void bad_descriptors() {
  for (const int fd : {-1, 3, 4, 1023, 1'000'000, INT32_MAX, INT32_MIN}) {
    Line line;
    guest::print_line(guest::append_signed(line.append("descriptor "), fd));
    if (by_interface_1()) {
      v1::write(fd, small_buffer);
    } else {
      expect("write", v2::write(fd, small_buffer), Errno::badf);
    }
    expect("read", monitor::read(fd, small_buffer), Errno::badf);
    expect_failure("lseek", monitor::lseek(fd, 0, uhyve::kSeekSet));
    expect("close", monitor::close(fd), Errno::badf);
    if (guest::interface < 3) continue;
    uhyve::v2::FileAttr attr{};
    expect("fstat", v2::fstat(fd, attr), Errno::badf);
    expect("getdents", v2::getdents(fd, small_buffer), Errno::badf);
  }
}

// The standard streams belong to the monitor.
void close_standard() {
  for (const int fd : {0, 1, 2}) report("close", monitor::close(fd), true);
  guest::print_line("still here");
  if (guest::interface != 1) report("write", v2::write(1, std::as_bytes(std::span{"still here\n", 11})), true);
}

void bad_lseek() {
  const int fd = monitor::open("/root/lseek", uhyve::kOpenReadWrite | uhyve::kOpenCreate);
  report("open", fd, fd >= 3);
  expect_failure("lseek by an unknown whence", monitor::lseek(fd, 0, 99));
  expect_failure("lseek to before the beginning", monitor::lseek(fd, INT64_MIN, uhyve::kSeekSet));
  (void)monitor::lseek(fd, INT64_MAX, uhyve::kSeekSet);
  expect_failure("lseek beyond 2^63", monitor::lseek(fd, INT64_MAX, uhyve::kSeekCurrent));
  report("close", monitor::close(fd), true);
  report("unlink", monitor::unlink("/root/lseek"), true);
}

void bad_open_flags() {
  expect("open to create a directory", monitor::open("/root/flags", uhyve::kOpenCreate | uhyve::kOpenDirectory),
         Errno::inval);
  // The monitor ignores all others.
  const int all = ~(uhyve::kOpenDirectory | uhyve::kOpenWriteOnly | uhyve::kOpenReadWrite);
  const int fd = monitor::open("/root/flags", all | uhyve::kOpenReadWrite, 07777);
  report("open with every other flag", fd, fd >= 3);
  report("close", monitor::close(fd), true);
  report("unlink", monitor::unlink("/root/flags"), true);
}

// Opens files until a call fails, or a limit is reached.
void open_many() {
  int count = 0;
  while (count < 100'000 && monitor::open("/root/many", uhyve::kOpenReadWrite | uhyve::kOpenCreate) >= 0) ++count;
  report("files opened", count, count > 0);
}

// Writes 64 MiB to the console from one buffer.
std::array<char, 1 << 20> megabyte;

void write_huge() {
  for (auto& character : megabyte) character = '.';
  for (int i = 0; i < 64; ++i) monitor::serial_write(std::as_bytes(std::span{megabyte}));
}

// Writes to a file until a write fails, at most 4 GiB.
void fill_disk() {
  const int fd = monitor::open("/root/huge", uhyve::kOpenReadWrite | uhyve::kOpenCreate | uhyve::kOpenTruncate);
  report("open", fd, fd >= 3);
  std::int64_t written = 0;
  for (int i = 0; i < 4096; ++i) {
    const auto size = monitor::write(fd, std::as_bytes(std::span{megabyte}));
    if (size <= 0) break;
    written += size;
  }
  report("written", written, true);
  report("close", monitor::close(fd), true);
  report("unlink", monitor::unlink("/root/huge"), true);
}

void exit_code_large() {
  guest::exit(256);
}
void exit_code_negative() {
  guest::exit(-1);
}

void cmdval_outside() {
  if (!by_interface_1()) return guest::print_line("interface 1 only");
  uhyve::v1::CmdvalParams params{.argv = outside(), .envp = outside()};
  v1::hypercall(v1::Hypercall::cmdval, params);
}

// The arrays are in guest memory, but contain addresses outside of it.
void cmdval_places_outside() {
  if (!by_interface_1()) return guest::print_line("interface 1 only");
  static constinit std::array<Gpa, uhyve::v1::kMaxArguments> places{};
  for (auto& place : places) place = outside();
  uhyve::v1::CmdvalParams params{.argv = gpa_of(places.data()), .envp = gpa_of(places.data())};
  v1::hypercall(v1::Hypercall::cmdval, params);
}

// ---- The machine.

#if defined(__x86_64__)
// Writes to all ports except those of hypercalls, which would be calls with parameters at 0.
void ports() {
  constexpr std::uint32_t kFirstOf1 = 0x400;
  constexpr std::uint32_t kLastOf1 = 0x8ff;
  constexpr std::uint32_t kFirstOf2 = 0x1000;
  constexpr std::uint32_t kLastOf2 = 0x12ff;
  for (std::uint32_t port = 0; port <= 0xffff; ++port) {
    if ((port >= kFirstOf1 && port <= kLastOf1) || (port >= kFirstOf2 && port <= kLastOf2)) continue;
    const auto number = static_cast<std::uint16_t>(port);
    std::uint32_t value = 0;
    asm volatile("outb %b0, %1" : : "a"(value), "d"(number));
    asm volatile("inb %1, %b0" : "+a"(value) : "d"(number));
    if (port % 4 != 0) continue;
    asm volatile("outl %0, %1" : : "a"(value), "d"(number));
    asm volatile("inl %1, %0" : "+a"(value) : "d"(number));
  }
}

// Undefined hypercalls between the defined ones, and defined ones with the wrong width.
void unknown_hypercalls() {
  constexpr std::uint16_t kUnknown[] = {0x401,  0x5c0,  0x640,  0x680,  0x700,  0x8c0,
                                        0x1000, 0x1011, 0x1040, 0x10ff, 0x1200, 0x1210};
  constexpr std::uint16_t kKnown[] = {0x440, 0x540, 0x1010, 0x1110};
  for (const auto port : kUnknown) {
    asm volatile("outl %0, %1" : : "a"(0), "d"(port), "D"(0) : "memory");
  }
  for (const auto port : kKnown) {
    asm volatile("outb %b0, %1" : : "a"(0), "d"(static_cast<std::uint16_t>(port + 1)), "D"(0) : "memory");
    asm volatile("inl %1, %0" : "=a"(*reinterpret_cast<std::uint32_t*>(small_buffer.data())) : "d"(port) : "memory");
  }
}

// String instructions with a count.
void port_strings() {
  asm volatile("rep outsb"
               :
               : "d"(std::uint16_t{0x3f8}), "S"(small_buffer.data()), "c"(small_buffer.size())
               : "memory");
  asm volatile("rep insb" : : "d"(std::uint16_t{0x3f8}), "D"(small_buffer.data()), "c"(small_buffer.size()) : "memory");
}

#else
// Undefined hypercalls between the defined ones. The monitor ends the guest for the first.
void unknown_hypercalls() {
  for (const std::uint64_t number : {0x408U, 0x1008U}) {
    asm volatile("str xzr, [%0]" : : "r"(number) : "memory");
  }
}

// A defined hypercall by a store of another size, as to the registers of a serial port.
void narrow_hypercall() {
  asm volatile("str wzr, [%0]" : : "r"(std::uint64_t{0x1030}) : "memory");
}

void hypercall_read() {
  asm volatile("ldr x9, [%0]" : : "r"(std::uint64_t{0x1010}) : "x9", "memory");
}

// A store that KVM cannot decode.
void pair_store() {
  asm volatile("stp xzr, xzr, [%0]" : : "r"(&map_page(outside() & 0xf'ffff'f000).front()) : "memory");
}

void power_off() {
  register std::uint64_t function asm("x0") = 0x8400'0008;  // PSCI's SYSTEM_OFF
  asm volatile("hvc #0" : "+r"(function) : : "memory");
}
#endif

// A table that refers to itself in four levels: the address leads to the table itself. With interface 1, the monitor
// walks these tables. With others, the test only checks that nothing hangs.
void page_tables_loop() {
  auto* const table = top_table();
  table[kSpareEntry] = reinterpret_cast<std::uintptr_t>(table) | kPresentWritable;
  use_tables();
  const auto buffer = span_at(address_by(kSpareEntry), 64);
  if (by_interface_1()) {
    v1::write(2, buffer);
    (void)monitor::read(1'000, buffer);
  } else {
    expect_failure("write", v2::write(1, buffer));
  }
}

// A table at an address without memory. Only a monitor that walks page tables accesses it.
void page_tables_outside() {
  auto* const table = top_table();
  table[kSpareEntry] = outside() | kPresentWritable;
  const auto buffer = span_at(address_by(kSpareEntry), 64);
  if (by_interface_1()) {
    v1::write(1, buffer);
    expect_failure("read", monitor::read(0, buffer));
  } else {
    expect_failure("write", v2::write(1, buffer));
  }
}

// An address without memory. Addresses have at most 40 bits.
auto mmio() -> volatile std::byte& {
#if defined(__x86_64__)
  return map_page(outside() & 0xff'ffff'f000).front();
#else
  return map_page(outside() & 0xf'ffff'f000).front();  // guests have 36 bits
#endif
}
void mmio_read() {
  [[maybe_unused]] const std::byte byte = mmio();
}
void mmio_write() {
  mmio() = std::byte{1};
}

void no_page_tables() {
#if defined(__x86_64__)
  asm volatile("mov %0, %%cr3" : : "r"(outside() & 0xff'ffff'f000) : "memory");
#else
  asm volatile("msr ttbr0_el1, %0; isb; tlbi vmalle1; dsb sy; isb" : : "r"(outside() & 0xf'ffff'f000) : "memory");
#endif
}

void page_fault() {
  *reinterpret_cast<volatile std::uint64_t*>(0x0000'7000'0000'0000) = 1;
}
void invalid_opcode() {
#if defined(__x86_64__)
  asm volatile("ud2");
#else
  asm volatile(".inst 0");
#endif
}
#if defined(__x86_64__)
void division_by_zero() {
  asm volatile("xor %%edx, %%edx; div %%edx" : : "a"(1) : "rdx");
}
#endif
void jump_away() {
  reinterpret_cast<void (*)()>(0x0000'7000'0000'0000)();
}

#if defined(__x86_64__)
void triple_fault() {
  struct [[gnu::packed]] {
    std::uint16_t limit;
    std::uint64_t base;
  } none{};
  asm volatile("lidt %0; int3" : : "m"(none));
}
#endif

void loop_forever() {
  guest::print("round and round");  // without a newline at the end
  for (;;) asm volatile("" : : : "memory");
}
void halt_forever() {
  guest::machine::halt();
}

struct Thing {
  std::string_view name;
  void (*run)();
};

constexpr Thing kThings[] = {
    {"params-outside", params_outside},
    {"params-behind-end", params_behind_end},
    {"params-across-end", params_across_end},
    {"params-wrap", params_wrap},
    {"params-before-start", params_before_start},
    {"buffer-outside", buffer_outside},
    {"buffer-across-end", buffer_across_end},
    {"buffer-huge", buffer_huge},
    {"serial-outside", serial_outside},
    {"serial-huge", serial_huge},
    {"name-outside", name_outside},
    {"name-unterminated", name_unterminated},
    {"name-long", name_long},
    {"name-not-utf8", name_not_utf8},
    {"name-empty", name_empty},
    {"name-escape", name_escape},
    {"results-outside", results_outside},
    {"bad-descriptors", bad_descriptors},
    {"close-standard", close_standard},
    {"bad-lseek", bad_lseek},
    {"bad-open-flags", bad_open_flags},
    {"open-many", open_many},
    {"write-huge", write_huge},
    {"fill-disk", fill_disk},
    {"exit-code-large", exit_code_large},
    {"exit-code-negative", exit_code_negative},
    {"cmdval-outside", cmdval_outside},
    {"cmdval-places-outside", cmdval_places_outside},
#if defined(__x86_64__)
    {"ports", ports},
    {"port-strings", port_strings},
    {"division-by-zero", division_by_zero},
    {"triple-fault", triple_fault},
#else
    {"narrow-hypercall", narrow_hypercall},
    {"hypercall-read", hypercall_read},
    {"pair-store", pair_store},
    {"power-off", power_off},
#endif
    {"unknown-hypercalls", unknown_hypercalls},
    {"page-tables-loop", page_tables_loop},
    {"page-tables-outside", page_tables_outside},
    {"mmio-read", mmio_read},
    {"mmio-write", mmio_write},
    {"no-page-tables", no_page_tables},
    {"page-fault", page_fault},
    {"invalid-opcode", invalid_opcode},
    {"jump-away", jump_away},
    {"loop", loop_forever},
    {"halt", halt_forever},
};

}  // namespace

auto guest_main() -> int {
  if (!guest::has_monitor()) guest::fail("hostile needs a monitor");
  const auto wanted = guest::argument(0).value_or("");
  for (const auto& thing : kThings) {
    if (wanted == "list") guest::print_line(thing.name);
    if (wanted != thing.name) continue;
    thing.run();
    guest::print_line(all_is_well ? "survived" : "survived, but not as it should be");
    return all_is_well ? 0 : 1;
  }
  if (wanted == "list") return 0;
  guest::fail("usage: hostile list, or the name of something in it");
}
