#include "hermitage/oci/image/digest.hpp"

#include <nettle/sha2.h>

namespace hermitage::oci {
namespace {

constexpr std::string_view kAlgorithm = "sha256:";
constexpr std::string_view kDigits = "0123456789abcdef";

}  // namespace

auto Digest::parse(std::string_view text) -> std::optional<Digest> {
  if (!text.starts_with(kAlgorithm)) return std::nullopt;
  text.remove_prefix(kAlgorithm.size());
  if (text.size() != 2 * kSize) return std::nullopt;
  Digest digest;
  for (std::size_t i = 0; i < kSize; ++i) {
    const auto high = kDigits.find(text[2 * i]);
    const auto low = kDigits.find(text[2 * i + 1]);
    if (high == std::string_view::npos || low == std::string_view::npos) return std::nullopt;
    digest.bytes[i] = static_cast<std::byte>(high << 4 | low);
  }
  return digest;
}

auto Digest::hex() const -> std::string {
  std::string text;
  for (const auto byte : bytes) {
    const auto value = static_cast<std::size_t>(byte);
    text += kDigits[value >> 4];
    text += kDigits[value & 0xf];
  }
  return text;
}

struct Sha256::State {
  sha256_ctx context{};
};

Sha256::Sha256() : state_{std::make_unique<State>()} {
  ::sha256_init(&state_->context);
}

Sha256::~Sha256() = default;

void Sha256::add(std::span<const std::byte> bytes) {
  ::sha256_update(&state_->context, bytes.size(), reinterpret_cast<const std::uint8_t*>(bytes.data()));
  size_ += bytes.size();
}

auto Sha256::finish() -> Digest {
  static_assert(Digest::kSize == SHA256_DIGEST_SIZE);
  Digest digest;
  ::sha256_digest(&state_->context, Digest::kSize, reinterpret_cast<std::uint8_t*>(digest.bytes.data()));
  return digest;
}

auto sha256(std::span<const std::byte> bytes) -> Digest {
  Sha256 sum;
  sum.add(bytes);
  return sum.finish();
}

auto sha256(std::string_view text) -> Digest {
  return sha256(std::as_bytes(std::span{text}));
}

}  // namespace hermitage::oci
