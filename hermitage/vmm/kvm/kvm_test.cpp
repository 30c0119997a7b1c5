#include "hermitage/vmm/kvm/kvm.hpp"

#include <string>

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
  ASSERT_TRUE(kvm) << kvm.error().message();
  EXPECT_GE(kvm->max_vcpus(), 1U);
}

TEST(Kvm, IsInherited) {
  const Descriptor device{::open("/dev/kvm", O_RDWR | O_CLOEXEC)};
  if (!device.is_open()) GTEST_SKIP() << "no KVM here";
  if (::ioctl(device.get(), KVM_GET_API_VERSION, 0UL) != KVM_API_VERSION) GTEST_SKIP() << "another KVM";
  EXPECT_TRUE(Kvm::open(device.get()));
  EXPECT_TRUE(Kvm::open(device.get())) << "the descriptor stays open";
  EXPECT_TRUE(Kvm::open(-1));
}

TEST(Kvm, IsNoOtherFile) {
  const Descriptor file{::open("/dev/null", O_RDWR | O_CLOEXEC)};
  const auto other = Kvm::open(file.get());
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, ErrorCode::configuration);
  EXPECT_EQ(other.error().message(), "descriptor " + std::to_string(file.get()) + " is not an open /dev/kvm");
  const auto closed = Kvm::open(1023);
  ASSERT_FALSE(closed);
  EXPECT_EQ(closed.error().message(), "descriptor 1023 of KVM: Bad file descriptor");
}

}  // namespace
}  // namespace hermitage::vmm::kvm
