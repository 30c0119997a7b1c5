#include "hermitage/loader/failure.hpp"

#include "hermitage/loader/log.hpp"
#include "hermitage/loader/machine.hpp"

namespace hermitage::loader {

void fail(std::string_view sentence) noexcept {
  LogLine{LogLevel::error}.text(sentence);
  machine::stop_failed();
}

}  // namespace hermitage::loader

// What the standard library calls for an index that is out of range.
namespace std {
[[noreturn]] void __throw_out_of_range_fmt(const char* format, ...);  // NOLINT(bugprone-reserved-identifier)

void __throw_out_of_range_fmt(const char* format, ...) {
  hermitage::loader::fail(format);
}
}  // namespace std
