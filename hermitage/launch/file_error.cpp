#include "hermitage/launch/file_error.hpp"

#include <cstring>

namespace hermitage::launch {

auto call_failed(std::string call, int error_number) -> std::unexpected<FileError> {
  return std::unexpected{
      FileError{.code = FileError::Code::system_call, .call = std::move(call), .text = std::strerror(error_number)}};
}

}  // namespace hermitage::launch
