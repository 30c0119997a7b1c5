// The bytes of an archive, unpacked piece by piece.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>

#include "hermitage/image/problem.hpp"
#include "hermitage/image/source.hpp"

namespace hermitage::image {

class Unpacker {
 public:
  Unpacker() = default;
  Unpacker(const Unpacker&) = delete;
  auto operator=(const Unpacker&) -> Unpacker& = delete;
  virtual ~Unpacker() = default;

  // The next bytes, valid until the next call; none at the end, when the whole source has been read and checked.
  [[nodiscard]] virtual auto next() -> std::expected<std::span<const std::byte>, Problem> = 0;

  // The number of bytes returned so far.
  [[nodiscard]] virtual auto done() const -> std::uint64_t = 0;
};

// Bytes that are not packed.
class PlainUnpacker final : public Unpacker {
 public:
  // Fails after `limit` bytes. The source must outlive this object.
  PlainUnpacker(Source& source, std::uint64_t limit) : source_{source}, limit_{limit} {}

  [[nodiscard]] auto next() -> std::expected<std::span<const std::byte>, Problem> override;
  [[nodiscard]] auto done() const -> std::uint64_t override { return done_; }

 private:
  Source& source_;
  std::uint64_t limit_;
  std::uint64_t done_ = 0;
};

// The problem of data that unpack to more than `limit` bytes.
[[nodiscard]] auto unpacks_to_too_much(std::uint64_t limit) -> Problem;

}  // namespace hermitage::image
