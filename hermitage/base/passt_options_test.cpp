#include "hermitage/base/passt_options.hpp"

#include <gtest/gtest.h>

namespace hermitage::base {
namespace {

using Strings = std::vector<std::string>;

TEST(PasstPortOptions, NameEveryTransport) {
  EXPECT_EQ(passt_port_options({}), (Strings{"-t", "none", "-u", "none"}));
  const std::vector<PortForward> forwards{
      {.address = "", .host_port = 8080, .guest_port = 80},
      {.address = "", .host_port = 53, .guest_port = 53, .transport = Transport::udp},
      {.address = "127.0.0.1", .host_port = 8000, .guest_port = 9000, .count = 11}};
  EXPECT_EQ(passt_port_options(forwards),
            (Strings{"-t", "8080-8080:80-80", "-t", "127.0.0.1/8000-8010:9000-9010", "-u", "53-53:53-53"}));
}

}  // namespace
}  // namespace hermitage::base
