// Examples of the headers of hermitage/kernel: a kernel that prints a line. The reference shows each part at its
// header.
#include <cstddef>
#include <span>
#include <string_view>

#include "hermitage/kernel/boot_info.hpp"
#include "hermitage/kernel/entry.hpp"
#include "hermitage/kernel/hypercall.hpp"
#include "hermitage/kernel/notes.h"

namespace kernel = hermitage::kernel;

//! [hermitage/kernel/notes.h]
HERMITAGE_DEFINE_ENTRY_VERSION();
HERMITAGE_DEFINE_ABI_TAG(0, 13, 0);
HERMITAGE_DEFINE_UHYVE_INTERFACE(3);
//! [hermitage/kernel/notes.h]

//! [hermitage/kernel/hypercall.hpp]
void print(std::string_view text) {
  kernel::v2::serial_write(std::as_bytes(std::span{text}));
}
//! [hermitage/kernel/hypercall.hpp]

//! [hermitage/kernel/boot_info.hpp]
auto memory_end(const kernel::RawBootInfo& boot_info) -> std::uint64_t {
  return boot_info.phys_addr_end;
}
//! [hermitage/kernel/boot_info.hpp]

//! [hermitage/kernel/entry.hpp]
extern "C" [[noreturn]] void kernel_main(const kernel::RawBootInfo& boot_info) {
  print(memory_end(boot_info) == 0 ? "no memory\n" : "Hello\n");
  kernel::v2::exit(0);
  for (;;) {
  }
}

HERMITAGE_DEFINE_ENTRY(kernel_main);
//! [hermitage/kernel/entry.hpp]
