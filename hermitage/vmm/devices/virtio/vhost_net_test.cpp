// The lab tests the kernel's part, on kernels that support it: testing/lab/cases/network.toml.
#include "hermitage/vmm/devices/virtio/vhost_net.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

namespace hermitage::vmm::virtio {
namespace {

constexpr int kNoTap = -1;

TEST(VhostNetTest, SaysHowToGetIt) {
  if (::access("/dev/vhost-net", F_OK) == 0) GTEST_SKIP() << "/dev/vhost-net is there";
  const auto vhost = VhostNet::open(kNoTap);
  ASSERT_FALSE(vhost);
  EXPECT_EQ(vhost.error().code, ErrorCode::host_failed);
  EXPECT_EQ(vhost.error().message(),
            "open of /dev/vhost-net: No such file or directory; load the kernel's module: modprobe vhost_net");
}

}  // namespace
}  // namespace hermitage::vmm::virtio
