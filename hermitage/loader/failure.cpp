#include "hermitage/loader/failure.hpp"

#include "hermitage/loader/log.hpp"
#include "hermitage/loader/machine.hpp"

namespace hermitage::loader {

void fail(std::string_view sentence) noexcept {
  LogLine{LogLevel::error}.text(sentence);
  machine::stop_failed();
}

}  // namespace hermitage::loader
