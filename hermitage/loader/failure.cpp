#include "hermitage/loader/failure.hpp"

#include "hermitage/loader/log.hpp"
#include "hermitage/loader/machine.hpp"

namespace hermitage::loader {

auto failure(const entry::Message& sentence) noexcept -> std::unexpected<Failure> {
  static constinit entry::Message kept;
  kept = sentence;
  return failure(kept.c_str());
}

void fail(std::string_view sentence) noexcept {
  LogLine{LogLevel::error}.text(sentence);
  machine::stop_failed();
}

}  // namespace hermitage::loader
