// A profile by the names of functions, and its files.
#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "hermitage/inspect/stacks.hpp"
#include "hermitage/launch/monitor.hpp"
#include "hermitage/vmm/observe/profile.hpp"

namespace hermitage::cli {

struct NamedProfile {
  std::vector<inspect::NamedStack> stacks;
  std::deque<std::string> names;  // those of the stacks, each once; of at most 512 characters
};

// The stacks by the symbols of the kernel. A function without a symbol is named by its offset in the kernel, such as
// "0x1234". With several vCPUs, "[vCPU N]" is the outermost frame; activities such as "[hypercall read]" are the
// innermost. Of the candidates for a caller, those are left out that call another function than the one above them.
[[nodiscard]] auto named_stacks(const vmm::observe::Profile& profile, const launch::KernelPlace& kernel)
    -> NamedProfile;

// The file for this path: folded stacks for "….folded", speedscope's format for "….json", otherwise a flame graph.
[[nodiscard]] auto profile_file(const std::vector<inspect::NamedStack>& stacks, const inspect::ProfileTitle& title,
                                std::string_view path) -> std::string;

// A sentence about samples that could not be stored. Empty if there are none.
[[nodiscard]] auto lost_samples_text(const vmm::observe::Profile& profile) -> std::string;

}  // namespace hermitage::cli
