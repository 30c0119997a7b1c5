// The monitor's name for a file descriptor that closes itself.
#pragma once

#include "hermitage/base/descriptor.hpp"

namespace hermitage::vmm {

using base::Descriptor;

}  // namespace hermitage::vmm
