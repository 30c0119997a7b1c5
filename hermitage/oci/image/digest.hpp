// SHA-256 digests of contents, as OCI images name them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace hermitage::oci {

struct Digest {
  static constexpr std::size_t kSize = 32;  // bytes

  std::array<std::byte, kSize> bytes = {};

  // "sha256:" and 64 lower-case hexadecimal digits. Nothing for other strings, also for other algorithms.
  [[nodiscard]] static auto parse(std::string_view text) -> std::optional<Digest>;

  [[nodiscard]] auto hex() const -> std::string;
  [[nodiscard]] auto text() const -> std::string { return "sha256:" + hex(); }

  friend auto operator==(const Digest&, const Digest&) -> bool = default;
  friend auto operator<=>(const Digest&, const Digest&) = default;
};

class Sha256 {
 public:
  Sha256();
  Sha256(const Sha256&) = delete;
  auto operator=(const Sha256&) -> Sha256& = delete;
  ~Sha256();

  void add(std::span<const std::byte> bytes);

  // The digest of all bytes that were added. Can be called once.
  [[nodiscard]] auto finish() -> Digest;

  // The number of bytes that were added.
  [[nodiscard]] auto size() const -> std::uint64_t { return size_; }

 private:
  struct State;
  std::unique_ptr<State> state_;
  std::uint64_t size_ = 0;
};

[[nodiscard]] auto sha256(std::span<const std::byte> bytes) -> Digest;
[[nodiscard]] auto sha256(std::string_view text) -> Digest;

}  // namespace hermitage::oci
