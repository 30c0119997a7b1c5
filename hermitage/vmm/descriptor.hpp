// A file descriptor that its owner closes on destruction.
#pragma once

#include "hermitage/base/descriptor.hpp"

namespace hermitage::vmm {

using base::Descriptor;

}  // namespace hermitage::vmm
