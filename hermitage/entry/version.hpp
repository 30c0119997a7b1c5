// The three versions in the notes of a Hermit kernel.
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

  // Accepts exactly three decimal numbers below 2^32 with dots between them: no sign, no space, nothing else.
  [[nodiscard]] static auto parse(std::string_view text) noexcept -> std::optional<HermitVersion>;

  // "1.2.3"
  [[nodiscard]] auto text() const noexcept -> FixedText<36>;
};

// The version of the interface between loader and kernel (boot info and entry): hermit_entry::HERMIT_ENTRY_VERSION.
inline constexpr std::uint8_t kEntryVersion = 4;

// The version of the interface between Uhyve and kernel (hypercalls and memory layout).
struct UhyveInterfaceVersion {
  std::uint32_t value = 1;

  friend constexpr auto operator<=>(UhyveInterfaceVersion, UhyveInterfaceVersion) noexcept = default;
};

// The version of a kernel without a UHYVEIF note, and the newest version that this library supports.
inline constexpr UhyveInterfaceVersion kUhyveInterfaceWithoutNote{1};
inline constexpr UhyveInterfaceVersion kNewestUhyveInterface{3};

}  // namespace hermitage::entry
