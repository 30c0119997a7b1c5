// Unpacks the gzip data of an image in pieces, with zlib (RFC 1952).
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <span>
#include <vector>

#include "hermitage/image/problem.hpp"
#include "hermitage/image/source.hpp"
#include "hermitage/image/unpacker.hpp"

namespace hermitage::image {

// Checks every checksum and length. The data may have several members, and zeros after the last one, which some devices
// and programs use as padding. Other trailing data are an error.
class Gunzip final : public Unpacker {
 public:
  // Fails after `limit` bytes. The source must outlive this object.
  Gunzip(Source& source, std::uint64_t limit);
  ~Gunzip() override;

  // All pieces but the last have kPieceSize bytes.
  [[nodiscard]] auto next() -> std::expected<std::span<const std::byte>, Problem> override;

  [[nodiscard]] auto done() const -> std::uint64_t override { return done_; }

  // A multiple of 512, the block size of tar archives.
  static constexpr std::size_t kPieceSize = 256 << 10;

 private:
  struct State;
  [[nodiscard]] auto fill() -> std::expected<std::size_t, Problem>;
  [[nodiscard]] auto refill_input() -> std::expected<bool, Problem>;
  [[nodiscard]] auto check_between_members() -> std::expected<void, Problem>;

  Source& source_;
  std::uint64_t limit_;
  std::uint64_t done_ = 0;
  std::unique_ptr<State> state_;
};

// Unpacks an image into the tar archive that it contains, of at most `limit` bytes.
[[nodiscard]] auto gunzip(std::span<const std::byte> bytes, std::uint64_t limit)
    -> std::expected<std::vector<std::byte>, Problem>;

}  // namespace hermitage::image
