#include "hermitage/loader/fake_machine.hpp"

#include <cstdio>
#include <cstdlib>
#include <utility>

#include "hermitage/loader/machine.hpp"

namespace hermitage::loader {
namespace {

auto console() -> std::string& {
  static std::string text;
  return text;
}

}  // namespace

auto testing::take_console() -> std::string {
  return std::exchange(console(), {});
}

void machine::write_console(std::string_view text) noexcept {
  console() += text;
}

void machine::stop_failed() noexcept {
  std::fputs(console().c_str(), stderr);
  std::_Exit(1);
}

}  // namespace hermitage::loader
