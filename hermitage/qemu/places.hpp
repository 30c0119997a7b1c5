// Finds QEMU and the boot loaders.
#pragma once

#include <expected>
#include <string>

#include "hermitage/qemu/target.hpp"

namespace hermitage::qemu {

// The path of the boot loader for QEMU's -kernel: in the directory HERMITAGE_LOADER_DIR, if set; otherwise in
// ../share/hermitage relative to the directory of this program, which is valid in a build and in an installation. The
// error is a sentence with the missing path.
[[nodiscard]] auto find_loader(Target target) -> std::expected<std::string, std::string>;

// Whether this boot loader supports the argument `hermitage.handover=` (see BootOutput). Other loaders, and older
// versions of this one, do not.
[[nodiscard]] auto tells_of_handover(const std::string& loader) -> bool;

}  // namespace hermitage::qemu
