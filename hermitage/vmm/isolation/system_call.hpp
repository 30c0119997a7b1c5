// The roles of a monitor's threads, and how a system call that they can make is described.
#pragma once

#include <array>
#include <cstdint>

namespace hermitage::vmm::isolation {

enum class Role : std::uint8_t {
  vcpu,        // runs a vCPU, and handles its hypercalls
  supervisor,  // called Machine::run(): waits, copies output, and cleans up at the end
  network,     // moves frames between the guest's queues and the network
  debugger,    // serves a debugger
  saver,       // saves the guest to a snapshot
  control,     // serves commands for the guest, and saves it, too
};
inline constexpr std::array kRoles{Role::vcpu,     Role::supervisor, Role::network,
                                   Role::debugger, Role::saver,      Role::control};

// A set of roles.
using Roles = unsigned;
[[nodiscard]] constexpr auto roles_of(Role role) noexcept -> Roles {
  return 1U << static_cast<unsigned>(role);
}
inline constexpr Roles kVcpu = roles_of(Role::vcpu);
inline constexpr Roles kSupervisor = roles_of(Role::supervisor);
inline constexpr Roles kNetwork = roles_of(Role::network);
inline constexpr Roles kDebugger = roles_of(Role::debugger);
inline constexpr Roles kSaver = roles_of(Role::saver);
inline constexpr Roles kControl = roles_of(Role::control);
inline constexpr Roles kSaving = kSaver | kControl;
inline constexpr Roles kAll = kVcpu | kSupervisor | kNetwork | kDebugger | kSaving;

// The name of the role in messages and tests.
[[nodiscard]] constexpr auto name_of(Role role) noexcept -> const char* {
  switch (role) {
    case Role::vcpu: return "vCPU";
    case Role::supervisor: return "supervisor";
    case Role::network: return "network";
    case Role::debugger: return "debugger";
    case Role::saver: return "saver";
    case Role::control: return "control";
  }
  return "";
}

// A placeholder for the process ID, which is not known until the filter is installed.
inline constexpr std::uint32_t kOwnProcess = 0x5e1f'1d00;

// A condition for an argument of a call.
struct Condition {
  enum class Kind : std::uint8_t { none, equals, lacks };

  Kind kind = Kind::none;
  unsigned argument = 0;    // from 0
  std::uint64_t value = 0;  // the required value, or the bits that must not be set
  const char* words = "";   // the description in docs/monitor.md
};

// A call with several lines is permitted if the condition of one line is true.
struct SystemCall {
  const char* name;
  Roles roles;
  Condition condition = {};

  [[nodiscard]] constexpr auto is_for(Role role) const noexcept -> bool { return (roles & roles_of(role)) != 0; }
};

[[nodiscard]] constexpr auto ioctl_of(Roles roles, std::uint64_t request, const char* name) -> SystemCall {
  return {.name = "ioctl", .roles = roles, .condition = {Condition::Kind::equals, 1, request, name}};
}

}  // namespace hermitage::vmm::isolation
