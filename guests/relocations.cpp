// Checks the loading: every type of relocation, zeroed memory, and the TLS template. The guest computes the expected
// pointers from the program counter, without relocations.
//
// The guest is linked as a shared object, so that symbols keep their names. For symbols of default visibility, the
// linker then leaves R_*_64 and GLOB_DAT to the loader, and R_*_RELATIVE for the others. One variant has its relative
// relocations in DT_RELR.
#include <cstdint>

#include "guests/runtime/guest.hpp"

#define VISIBLE __attribute__((visibility("default")))

namespace {

constexpr std::uint64_t kMagic = 0x4865726d69746167;

std::uint64_t hidden_targets[64];  // zeros
std::uint64_t* const volatile relative_pointer = &hidden_targets[3];

// More than one bitmap of DT_RELR can express, with gaps.
struct Row {
  const std::uint64_t* pointer;
  std::uint64_t number;
};
#define ROW(i) {&hidden_targets[i], kMagic + (i)}
#define ROWS(i) ROW(i), ROW(i + 1), ROW(i + 2), ROW(i + 3), ROW(i + 4), ROW(i + 5), ROW(i + 6), ROW(i + 7)
volatile Row rows[] = {ROWS(0), ROWS(8), ROWS(16), ROWS(24), ROWS(32), ROWS(40), ROWS(48), ROWS(56)};

volatile std::uint8_t zeros[3 * 4096 + 5];

}  // namespace

extern "C" {

VISIBLE std::uint64_t visible_target[4] = {kMagic, kMagic + 1, kMagic + 2, kMagic + 3};
VISIBLE extern const char missing_target __attribute__((weak));

// R_*_64: with and without an addend, and for a weak undefined symbol.
std::uint64_t* const volatile symbol_pointer = visible_target;
std::uint64_t* const volatile symbol_pointer_with_addend = &visible_target[2];
const char* const volatile missing_pointer = &missing_target;

struct alignas(64) ThreadLocal {
  std::uint64_t magic;
  const std::uint64_t* pointer;
};
VISIBLE thread_local constinit ThreadLocal thread_local_template{kMagic, &hidden_targets[7]};
VISIBLE thread_local constinit std::uint64_t thread_local_zeros[100] = {};

}  // extern "C"

namespace {

bool all_is_well = true;

void check(std::string_view what, bool holds) {
  guest::Line line;
  guest::print_line(line.append(what).append(holds ? ": ok" : ": WRONG"));
  if (!holds) all_is_well = false;
}

// The address of a symbol, computed from the program counter.
#if defined(__x86_64__)
#define ADDRESS_OF(result, symbol) asm("lea " symbol "(%%rip), %0" : "=r"(result))
// Through the global offset table.
#define GOT_ENTRY_OF(result, symbol) asm("movq " symbol "@GOTPCREL(%%rip), %0" : "=r"(result))
#elif defined(__aarch64__)
#define ADDRESS_OF(result, symbol) asm("adrp %0, " symbol "\n add %0, %0, :lo12:" symbol : "=r"(result))
#define GOT_ENTRY_OF(result, symbol) asm("adrp %0, :got:" symbol "\n ldr %0, [%0, :got_lo12:" symbol "]" : "=r"(result))
#else
#define ADDRESS_OF(result, symbol) asm("lla %0, " symbol : "=r"(result))
#define GOT_ENTRY_OF(result, symbol) asm("la %0, " symbol : "=r"(result))
#endif

// Only the GOT contains the address of a symbol of default visibility, so a hidden symbol is defined at the same
// address.
asm(".hidden visible_target_here\n .set visible_target_here, visible_target");

auto visible_address() -> std::uint64_t* {
  std::uint64_t* address;
  ADDRESS_OF(address, "visible_target_here");
  return address;
}

auto is_in_image(std::uint64_t address) -> bool {
  const auto& info = guest::boot_info();
  return address >= info.kernel_image_addr_start && address < info.kernel_image_addr_end;
}

void check_relocations() {
  check("relative", relative_pointer == hidden_targets + 3 && *relative_pointer == 0);
  bool rows_hold = true;
  for (std::size_t i = 0; i < sizeof rows / sizeof *rows; ++i) {
    rows_hold = rows_hold && rows[i].pointer == hidden_targets + i && rows[i].number == kMagic + i;
  }
  check("a table of relative ones", rows_hold);
  check("symbol", symbol_pointer == visible_address() && *symbol_pointer == kMagic);
  check("symbol with addend",
        symbol_pointer_with_addend == visible_address() + 2 && *symbol_pointer_with_addend == kMagic + 2);
  check("weak and undefined", missing_pointer == nullptr);
  const std::uint64_t* entry;
  GOT_ENTRY_OF(entry, "visible_target");
  check("global offset table", entry == visible_address());
  const char* missing;
  GOT_ENTRY_OF(missing, "missing_target");
  check("global offset table, weak and undefined", missing == nullptr);
}

void check_memory() {
  bool is_zero = true;
  for (const auto& byte : zeros) is_zero = is_zero && byte == 0;
  for (const auto& target : hidden_targets) is_zero = is_zero && target == 0;
  check("zeroed memory", is_zero);
  check("image range", is_in_image(reinterpret_cast<std::uintptr_t>(&all_is_well)) &&
                           is_in_image(reinterpret_cast<std::uintptr_t>(&check_memory)) &&
                           is_in_image(reinterpret_cast<std::uintptr_t>(zeros) + sizeof zeros - 1));
}

void check_thread_local_storage() {
  const auto& info = guest::boot_info();
  check("TLS sizes", info.tls_filesz == sizeof(ThreadLocal) && info.tls_align == 64 &&
                         info.tls_memsz >= sizeof(ThreadLocal) + sizeof thread_local_zeros &&
                         info.tls_memsz < sizeof(ThreadLocal) + sizeof thread_local_zeros + 64);
  const bool is_there = info.tls_filesz == sizeof(ThreadLocal) && is_in_image(info.tls_start);
  const auto* copy = reinterpret_cast<const volatile ThreadLocal*>(info.tls_start);
  check("TLS template", is_there && copy->magic == kMagic && copy->pointer == hidden_targets + 7);
}

}  // namespace

auto guest_main() -> int {
  check_relocations();
  check_memory();
  check_thread_local_storage();
  return all_is_well ? 0 : 1;
}
