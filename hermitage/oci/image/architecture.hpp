// Names of architectures in container images: those of Go (GOARCH).
#pragma once

#include <string_view>

#include "hermitage/entry/arch.hpp"

namespace hermitage::oci {

[[nodiscard]] auto architecture_name(entry::Arch arch) -> std::string_view;

// The architecture that this program was built for; empty for others than those of Hermit.
[[nodiscard]] auto host_architecture() -> std::string_view;

}  // namespace hermitage::oci
