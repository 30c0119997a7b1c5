// The filters that compile_filters.cpp has generated from the list of system calls.
#pragma once

#include <linux/filter.h>

#include <cstddef>
#include <span>
#include <string_view>

#include "hermitage/vmm/isolation/system_calls.hpp"

namespace hermitage::vmm::isolation {

inline constexpr std::size_t kMaxSteps = 256;  // limit for the instructions of a filter

// A program over struct seccomp_data. Replace kOwnProcess in it by the process ID.
[[nodiscard]] auto filter_of(Role role) noexcept -> std::span<const sock_filter>;

// "execve" for 59; empty for a number that is not in the table. A signal handler can call it.
[[nodiscard]] auto name_of(int system_call) noexcept -> std::string_view;

}  // namespace hermitage::vmm::isolation
