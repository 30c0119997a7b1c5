#include "hermitage/image/unpacker.hpp"

#include <string>

namespace hermitage::image {

auto PlainUnpacker::next() -> std::expected<std::span<const std::byte>, Problem> {
  auto piece = source_.next();
  if (!piece) return piece;
  if (piece->size() > limit_ - done_) return std::unexpected{unpacks_to_too_much(limit_)};
  done_ += piece->size();
  return piece;
}

auto unpacks_to_too_much(std::uint64_t limit) -> Problem {
  return {.code = ProblemCode::too_large,
          .file = {},
          .text = "unpacks to more than the limit of " + std::to_string(limit) + " bytes"};
}

}  // namespace hermitage::image
