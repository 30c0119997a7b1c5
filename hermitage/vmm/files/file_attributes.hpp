// The attributes of a file that a guest sees: struct stat in the layout of Uhyve's interface 3.
#pragma once

#include <sys/stat.h>

#include "hermitage/entry/uhyve_interface.hpp"
#include "hermitage/vmm/files/guest_tree.hpp"

namespace hermitage::vmm {

// Which permissions a guest sees, and sets.
inline constexpr mode_t kPermissions = 0777;

// Of a file of the host's: not which device or user of the host it is.
[[nodiscard]] auto attributes_of(const struct stat& status) -> entry::uhyve::v2::FileAttr;
// Of a TemporaryFile, whose name and permissions are the guest's own affair.
[[nodiscard]] auto attributes_of(const Node& node, const struct stat& status) -> entry::uhyve::v2::FileAttr;
// Of what is only in the tree: a directory, a file of the image, a link.
[[nodiscard]] auto attributes_of(const Node& node) -> entry::uhyve::v2::FileAttr;

}  // namespace hermitage::vmm
