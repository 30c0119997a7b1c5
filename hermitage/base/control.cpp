#include "hermitage/base/control.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace hermitage::base {

auto parse_control_command(std::string_view name) -> std::optional<ControlCommand> {
  constexpr std::array<std::pair<std::string_view, ControlCommand>, 5> kCommands{
      {{"stats", ControlCommand::stats},
       {"trace", ControlCommand::trace},
       {"pause", ControlCommand::pause},
       {"resume", ControlCommand::resume},
       {"snapshot", ControlCommand::snapshot}}};
  const auto* const found = std::ranges::find(kCommands, name, &std::pair<std::string_view, ControlCommand>::first);
  return found == kCommands.end() ? std::nullopt : std::optional{found->second};
}

}  // namespace hermitage::base
