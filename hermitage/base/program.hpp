// Programs of the host.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace hermitage::base {

// The first executable file of that name in the directories of PATH.
[[nodiscard]] auto find_program(std::string_view name) -> std::optional<std::string>;

}  // namespace hermitage::base
