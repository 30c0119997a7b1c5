// The number of an architecture in a snapshot: e_machine of its ELF files.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "hermitage/entry/arch.hpp"

namespace hermitage::vmm::snapshot {

[[nodiscard]] auto machine_number(entry::Arch arch) noexcept -> std::uint32_t;
// The name of an architecture for messages, for any number.
[[nodiscard]] auto machine_name(std::uint32_t number) -> std::string;

}  // namespace hermitage::vmm::snapshot
