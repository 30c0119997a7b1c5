#include "hermitage/vmm/debug/listener.hpp"

#include <filesystem>
#include <string>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "testing/temporary_directory.hpp"

namespace hermitage::vmm::debug {
namespace {

auto connect_to_path(const std::string& path) -> Descriptor {
  Descriptor socket{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  path.copy(std::begin(address.sun_path), path.size());
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return Descriptor{};
  return socket;
}

auto connect_to_port(const std::string& place) -> Descriptor {
  const auto colon = place.rfind(':');
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(std::stoi(place.substr(colon + 1))));
  ::inet_pton(AF_INET, place.substr(0, colon).c_str(), &address.sin_addr);
  Descriptor socket{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return Descriptor{};
  return socket;
}

auto has_connection(const Listener& listener) -> bool {
  return Descriptor{::accept4(listener.socket.get(), nullptr, nullptr, SOCK_CLOEXEC)}.is_open();
}

TEST(Listener, TakesPorts) {
  for (const auto* const place : {"0", "127.0.0.1:0"}) {
    const auto listener = listen_at(place);
    ASSERT_TRUE(listener) << listener.error().message();
    EXPECT_TRUE(listener->address.starts_with("127.0.0.1:")) << listener->address;
    EXPECT_FALSE(listener->address.ends_with(":0")) << listener->address;
    EXPECT_FALSE(has_connection(*listener)) << "it does not wait";
    const auto client = connect_to_port(listener->address);
    EXPECT_TRUE(client.is_open());
    EXPECT_TRUE(has_connection(*listener));
  }
}

TEST(Listener, TakesOtherAddresses) {
  const auto listener = listen_at("0.0.0.0:0");
  ASSERT_TRUE(listener) << listener.error().message();
  EXPECT_TRUE(listener->address.starts_with("0.0.0.0:")) << listener->address;
  const auto other = listen_at("192.0.2.1:0");
  ASSERT_FALSE(other) << "an address for documents, which nobody has";
  EXPECT_EQ(other.error().code, ErrorCode::host_failed);
  EXPECT_TRUE(other.error().message().contains("bind of 192.0.2.1:0")) << other.error().message();
}

TEST(Listener, RefusesAPortThatIsUsed) {
  const auto first = listen_at("0");
  ASSERT_TRUE(first);
  const auto second = listen_at(first->address);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::host_failed);
  EXPECT_TRUE(second.error().message().contains("Address already in use")) << second.error().message();
}

TEST(Listener, TakesPaths) {
  const testing::TemporaryDirectory directory;
  const auto path = directory.file("gdb");
  const auto listener = listen_at("unix:" + path);
  ASSERT_TRUE(listener) << listener.error().message();
  EXPECT_EQ(listener->address, path);
  const auto client = connect_to_path(path);
  EXPECT_TRUE(client.is_open());
  EXPECT_TRUE(has_connection(*listener));
}

TEST(Listener, ReplacesASocketThatNobodyHas) {
  const testing::TemporaryDirectory directory;
  const auto path = directory.file("gdb");
  ASSERT_TRUE(listen_at("unix:" + path));
  ASSERT_TRUE(std::filesystem::exists(path));
  const auto listener = listen_at("unix:" + path);
  ASSERT_TRUE(listener) << listener.error().message();
  EXPECT_TRUE(connect_to_path(path).is_open());
}

TEST(Listener, LeavesASocketThatIsUsed) {
  const testing::TemporaryDirectory directory;
  const auto path = directory.file("gdb");
  const auto first = listen_at("unix:" + path);
  ASSERT_TRUE(first);
  const auto second = listen_at("unix:" + path);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::host_failed);
  EXPECT_TRUE(second.error().message().contains("Address already in use")) << second.error().message();
  EXPECT_FALSE(has_connection(*first)) << "its guest would stop";
  EXPECT_TRUE(connect_to_path(path).is_open());
}

TEST(Listener, LeavesOtherFiles) {
  const testing::TemporaryDirectory directory;
  const auto path = directory.write("notes", "of value");
  const auto listener = listen_at("unix:" + path);
  ASSERT_FALSE(listener);
  EXPECT_EQ(std::filesystem::file_size(path), 8U);
  std::filesystem::create_symlink(path, directory.file("link"));
  EXPECT_FALSE(listen_at("unix:" + directory.file("link")));
  EXPECT_TRUE(std::filesystem::exists(directory.file("link")));
}

TEST(Listener, SaysThatADirectoryIsMissing) {
  const testing::TemporaryDirectory directory;
  const auto listener = listen_at("unix:" + directory.file("none/gdb"));
  ASSERT_FALSE(listener);
  EXPECT_EQ(listener.error().code, ErrorCode::host_failed);
  EXPECT_TRUE(listener.error().message().contains("No such file or directory")) << listener.error().message();
}

TEST(Listener, RefusesOtherWords) {
  for (const auto* const place :
       {"",        "x",     "-1",      "+1",          " 1",        "1 ",         "65536",
        "0x10",    "1.5",   ":1234",   "localhost:1", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x",
        "1.2.3:1", "::1:1", "[::1]:1", "tcp:1",       "unix:",     "UNIX:/tmp/x"}) {
    const auto listener = listen_at(place);
    ASSERT_FALSE(listener) << place;
    EXPECT_EQ(listener.error().code, ErrorCode::configuration) << place;
    EXPECT_FALSE(listener.error().message().contains('\n'));
  }
  const auto too_long = listen_at("unix:/tmp/" + std::string(200, 'x'));
  ASSERT_FALSE(too_long);
  EXPECT_EQ(too_long.error().code, ErrorCode::configuration);
  EXPECT_TRUE(too_long.error().message().contains("1 to 107 bytes")) << too_long.error().message();
}

// A path of the maximum length has no NUL in the address.
TEST(Listener, TakesTheLongestPath) {
  const testing::TemporaryDirectory directory;
  constexpr std::size_t kLongest = 107;
  ASSERT_LT(directory.path().size(), kLongest - 2);
  const auto path = directory.file(std::string(kLongest - directory.path().size() - 1, 'x'));
  const auto listener = listen_at("unix:" + path);
  ASSERT_TRUE(listener) << listener.error().message();
  EXPECT_TRUE(std::filesystem::exists(path));
}

}  // namespace
}  // namespace hermitage::vmm::debug
