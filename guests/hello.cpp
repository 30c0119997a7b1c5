// Prints a greeting.
#include "guests/runtime/guest.hpp"

auto guest_main() -> int {
  guest::print_line("Hello from a Hermit kernel in C++");
  return 0;
}
