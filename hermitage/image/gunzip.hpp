// Takes the gzip off an image, piece by piece. RFC 1952, by zlib.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <span>
#include <vector>

#include "hermitage/image/problem.hpp"
#include "hermitage/image/source.hpp"

namespace hermitage::image {

// Every check sum and every length is checked. Several members may follow one another, and zeros the last one, by which
// some devices and programs pad files; nothing else may.
class Gunzip {
 public:
  // Gives at most `limit` bytes before it fails. The source must stay.
  Gunzip(Source& source, std::uint64_t limit);
  Gunzip(const Gunzip&) = delete;
  auto operator=(const Gunzip&) -> Gunzip& = delete;
  ~Gunzip();

  // The next bytes, until the next call; none at the end. Pieces other than the last have kPieceSize bytes.
  [[nodiscard]] auto next() -> std::expected<std::span<const std::byte>, Problem>;

  // How many bytes it has given.
  [[nodiscard]] auto done() const -> std::uint64_t { return done_; }

  // A multiple of a tar archive's 512 bytes.
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

// All of it at once: the tar archive in an image, at most `limit` bytes.
[[nodiscard]] auto gunzip(std::span<const std::byte> bytes, std::uint64_t limit)
    -> std::expected<std::vector<std::byte>, Problem>;

}  // namespace hermitage::image
