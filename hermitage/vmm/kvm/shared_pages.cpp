#include "hermitage/vmm/kvm/shared_pages.hpp"

#include <sys/mman.h>

namespace hermitage::vmm::kvm {

SharedPages::~SharedPages() {
  if (!bytes_.empty()) ::munmap(bytes_.data(), bytes_.size());
}

}  // namespace hermitage::vmm::kvm
