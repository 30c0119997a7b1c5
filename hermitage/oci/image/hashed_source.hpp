// Computes the digest of the bytes of a source while something else reads them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>

#include "hermitage/image/problem.hpp"
#include "hermitage/image/source.hpp"
#include "hermitage/oci/image/digest.hpp"

namespace hermitage::oci {

class HashedSource final : public image::Source {
 public:
  // The source must outlive this object, and stand at its beginning.
  explicit HashedSource(image::Source& source) : source_{source} {}

  [[nodiscard]] auto next() -> std::expected<std::span<const std::byte>, image::Problem> override {
    auto piece = source_.next();
    if (piece) sum_.add(*piece);
    return piece;
  }
  // Fails: each byte counts once.
  [[nodiscard]] auto rewind() -> std::expected<void, image::Problem> override {
    return std::unexpected{
        image::Problem{.code = image::ProblemCode::unreadable, .file = {}, .text = "can be read only once"}};
  }
  [[nodiscard]] auto done() const -> std::uint64_t override { return source_.done(); }
  [[nodiscard]] auto total() const -> std::uint64_t override { return source_.total(); }

  // The digest of the bytes that were read. Can be called once.
  [[nodiscard]] auto finish() -> Digest { return sum_.finish(); }
  // Their number.
  [[nodiscard]] auto size() const -> std::uint64_t { return sum_.size(); }

 private:
  image::Source& source_;
  Sha256 sum_;
};

}  // namespace hermitage::oci
