// Unpacks zstd data in pieces, with libzstd (RFC 8878).
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <span>

#include "hermitage/image/problem.hpp"
#include "hermitage/image/source.hpp"
#include "hermitage/image/unpacker.hpp"

namespace hermitage::oci {

// Checks the checksums that the data have. They may have several frames, also skippable ones. A frame with a window of
// more than 128 MiB is refused, which is what `zstd` unpacks without an option, and writes up to level 19.
class Unzstd final : public image::Unpacker {
 public:
  // Fails after `limit` bytes. The source must outlive this object.
  Unzstd(image::Source& source, std::uint64_t limit);
  ~Unzstd() override;

  [[nodiscard]] auto next() -> std::expected<std::span<const std::byte>, image::Problem> override;
  [[nodiscard]] auto done() const -> std::uint64_t override { return done_; }

 private:
  struct State;

  image::Source& source_;
  std::uint64_t limit_;
  std::uint64_t done_ = 0;
  std::unique_ptr<State> state_;
};

}  // namespace hermitage::oci
