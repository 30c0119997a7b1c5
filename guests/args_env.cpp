// Prints its arguments and environment variables, one per line, in order.
#include "guests/runtime/guest.hpp"

namespace {

void print_all(std::string_view what, std::span<const std::string_view> texts) {
  guest::Line count;
  guest::print_line(count.append(what).append("s: ").append_decimal(texts.size()));
  for (std::size_t i = 0; i < texts.size(); ++i) {
    guest::Line head;
    guest::print(head.append(what).append(' ').append_decimal(i).append(": "));
    guest::print(texts[i]);  // can be longer than a Line
    guest::print("\n");
  }
}

}  // namespace

auto guest_main() -> int {
  const auto& command_line = guest::command_line();
  if (!command_line.path.empty()) {
    guest::print("path: ");
    guest::print(command_line.path);
    guest::print("\n");
  }
  print_all("argument", command_line.words);
  print_all("variable", command_line.environment);
  return 0;
}
