// Where QEMU and the boot loaders are.
#pragma once

#include <expected>
#include <string>

#include "hermitage/qemu/target.hpp"

namespace hermitage::qemu {

// The path of the boot loader for QEMU's -kernel: in the directory that HERMITAGE_LOADER_DIR names, if it does;
// otherwise beside this program, in ../share/hermitage, where it is after a build as well as after an installation. The
// error is the sentence that says where it is not.
[[nodiscard]] auto find_loader(Target target) -> std::expected<std::string, std::string>;

// Whether the boot loader of that file knows the word `hermitage.handover=` and tells of the handover (see BootOutput).
// Loaders of other makers, and older ones of
// ours, do not.
[[nodiscard]] auto tells_of_handover(const std::string& loader) -> bool;

}  // namespace hermitage::qemu
