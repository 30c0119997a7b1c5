// What compile_filters.cpp has made of the list of system calls.
#pragma once

#include <linux/filter.h>

#include <cstddef>
#include <span>
#include <string_view>

#include "hermitage/vmm/isolation/system_calls.hpp"

namespace hermitage::vmm::isolation {

inline constexpr std::size_t kMaxSteps = 256;  // of a filter

// A program over struct seccomp_data. Where it has kOwnProcess, the number of the process is to be put.
[[nodiscard]] auto filter_of(Role role) noexcept -> std::span<const sock_filter>;

// "execve" for 59; nothing for a number that has no name here. Something that a signal handler may call.
[[nodiscard]] auto name_of(int system_call) noexcept -> std::string_view;

}  // namespace hermitage::vmm::isolation
