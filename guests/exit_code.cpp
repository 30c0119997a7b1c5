// Exits with its first argument as exit code: a 32-bit number, or 0 without an argument.
#include <cstdint>

#include "guests/runtime/guest.hpp"

auto guest_main() -> int {
  const auto argument = guest::argument(0);
  if (!argument) return 0;
  const auto code = guest::number(*argument);
  if (!code || *code < INT32_MIN || *code > INT32_MAX) guest::fail("usage: exit_code [CODE]");
  return static_cast<int>(*code);
}
