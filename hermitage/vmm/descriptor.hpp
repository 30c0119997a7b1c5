// The monitor's name for a file descriptor that closes itself.
#pragma once

#include "hermitage/guest/descriptor.hpp"

namespace hermitage::vmm {

using guest::Descriptor;

}  // namespace hermitage::vmm
