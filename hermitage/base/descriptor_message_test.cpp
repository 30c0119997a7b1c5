#include "hermitage/base/descriptor_message.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <expected>
#include <span>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>
#include <sys/socket.h>

#include "hermitage/base/descriptor.hpp"

namespace hermitage::base {
namespace {

constexpr std::string_view kText = "text";

struct Pair {
  Descriptor sender;
  Descriptor receiver;
};

auto make_pair(int type) -> Pair {
  std::array<int, 2> ends{};
  EXPECT_EQ(::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends.data()), 0);
  return {.sender = Descriptor{ends[0]}, .receiver = Descriptor{ends[1]}};
}

// The files of the next message, which must have this text.
auto receive(const Pair& pair, std::string_view text) -> std::vector<Descriptor> {
  std::array<char, 64> bytes{};
  alignas(cmsghdr) std::array<std::byte, 256> control{};
  iovec part{.iov_base = bytes.data(), .iov_len = bytes.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  const auto size = ::recvmsg(pair.receiver.get(), &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  EXPECT_EQ(std::string_view(bytes.data(), size < 0 ? 0 : static_cast<std::size_t>(size)), text);
  std::vector<Descriptor> files;
  for (auto* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
    for (std::size_t at = 0; at < header->cmsg_len - CMSG_LEN(0); at += sizeof(int)) {
      int number = -1;
      std::memcpy(&number, CMSG_DATA(header) + at, sizeof number);
      files.emplace_back(number);
    }
  }
  return files;
}

auto send(const Pair& pair, std::string_view text, std::span<const int> descriptors) -> std::expected<void, int> {
  return send_with_descriptors(pair.sender.get(), std::as_bytes(std::span{text}), descriptors);
}

TEST(DescriptorMessage, CarriesUpToFourFiles) {
  for (const int type : {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET}) {
    const auto pair = make_pair(type);
    const auto file = make_pair(SOCK_STREAM);
    const std::array<int, kMostSentDescriptors> all{file.sender.get(), file.sender.get(), 0, 1};
    for (std::size_t count = 0; count <= all.size(); ++count) {
      ASSERT_TRUE(send(pair, kText, std::span{all}.first(count)));
      EXPECT_EQ(receive(pair, kText).size(), count);
    }
    ASSERT_TRUE(send(pair, kText, {all.data(), 1}));
    const auto files = receive(pair, kText);
    ASSERT_EQ(files.size(), 1U);
    ASSERT_TRUE(send({.sender = Descriptor{::dup(files.front().get())}, .receiver = {}}, "over the copy", {}));
    EXPECT_TRUE(receive(file, "over the copy").empty());
  }
}

TEST(DescriptorMessage, ReportsErrors) {
  const auto pair = make_pair(SOCK_STREAM);
  const std::array<int, kMostSentDescriptors + 1> many{};
  const int closed = -1;
  EXPECT_EQ(send(pair, kText, many).error(), EINVAL);
  EXPECT_EQ(send(pair, "", {}).error(), EINVAL);
  EXPECT_EQ(send(pair, kText, {&closed, 1}).error(), EBADF);
  EXPECT_EQ(send_with_descriptors(-1, std::as_bytes(std::span{kText}), {}).error(), EBADF);
  while (send(pair, kText, {})) {
  }
  EXPECT_EQ(send(pair, kText, {}).error(), EAGAIN);
}

TEST(DescriptorMessage, CausesNoSignal) {
  const auto pair = make_pair(SOCK_STREAM);
  ::shutdown(pair.receiver.get(), SHUT_RDWR);
  EXPECT_EQ(send(pair, kText, {}).error(), EPIPE);
}

}  // namespace
}  // namespace hermitage::base
