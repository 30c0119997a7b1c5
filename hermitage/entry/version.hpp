// The three versions that a Hermit kernel states in its notes.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string_view>

#include "hermitage/entry/text.hpp"

namespace hermitage::entry {

// The version of the Hermit kernel (its ABI tag), ordered by major, minor, patch.
struct HermitVersion {
  std::uint32_t major = 0;
  std::uint32_t minor = 0;
  std::uint32_t patch = 0;

  friend constexpr auto operator<=>(const HermitVersion&, const HermitVersion&) noexcept = default;

  // Exactly three decimal numbers below 2^32 with dots between them: no sign, no space, nothing else.
  [[nodiscard]] static auto parse(std::string_view text) noexcept -> std::optional<HermitVersion>;

  // "1.2.3"
  [[nodiscard]] auto text() const noexcept -> FixedText<36>;
};

// The contract between loader and kernel (boot info and entry); hermit_entry::HERMIT_ENTRY_VERSION.
inline constexpr std::uint8_t kEntryVersion = 4;

// The contract between Uhyve and kernel (hypercalls and memory layout).
struct UhyveInterfaceVersion {
  std::uint32_t value = 1;

  friend constexpr auto operator<=>(UhyveInterfaceVersion, UhyveInterfaceVersion) noexcept = default;
};

// What a kernel without a UHYVEIF note speaks, and the newest that this library knows.
inline constexpr UhyveInterfaceVersion kUhyveInterfaceWithoutNote{1};
inline constexpr UhyveInterfaceVersion kNewestUhyveInterface{3};

}  // namespace hermitage::entry
