// The attributes of a file that a guest sees: struct stat in the layout of Uhyve's interface 3.
#pragma once

#include <sys/stat.h>

#include "hermitage/entry/uhyve_interface.hpp"
#include "hermitage/vmm/files/guest_tree.hpp"

namespace hermitage::vmm {

// The permissions that a guest can see and set.
inline constexpr mode_t kPermissions = 0777;

// Attributes of a file on the host. They do not show its device or owner on the host.
[[nodiscard]] auto attributes_of(const struct stat& status) -> entry::uhyve::v2::FileAttr;
// Attributes of a TemporaryFile, whose name and permissions the guest controls.
[[nodiscard]] auto attributes_of(const Node& node, const struct stat& status) -> entry::uhyve::v2::FileAttr;
// Attributes of a node that exists only in the tree: a directory, a file of the image, a link.
[[nodiscard]] auto attributes_of(const Node& node) -> entry::uhyve::v2::FileAttr;

}  // namespace hermitage::vmm
