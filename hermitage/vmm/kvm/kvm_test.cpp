#include "hermitage/vmm/kvm/kvm.hpp"

#include <fcntl.h>
#include <sys/ioctl.h>

#include <gtest/gtest.h>

namespace hermitage::vmm::kvm {
namespace {

// Other tests are skipped if KVM cannot be opened.
TEST(Kvm, IsOpenedWhereItIs) {
  const Descriptor device{::open("/dev/kvm", O_RDWR | O_CLOEXEC)};
  if (!device.is_open()) GTEST_SKIP() << "no KVM here";
  if (::ioctl(device.get(), KVM_GET_API_VERSION, 0UL) != KVM_API_VERSION) GTEST_SKIP() << "another KVM";
  const auto kvm = Kvm::open();
  ASSERT_TRUE(kvm) << kvm.error().message;
  EXPECT_GE(kvm->max_vcpus(), 1U);
}

}  // namespace
}  // namespace hermitage::vmm::kvm
