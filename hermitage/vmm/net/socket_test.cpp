#include "hermitage/vmm/net/socket.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <thread>

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hermitage/vmm/net/frame_testing.hpp"

namespace hermitage::vmm::net {
namespace {

struct Ends {
  Descriptor ours;
  Descriptor peer;
};

auto connect(int type) -> Ends {
  std::array<int, 2> ends{-1, -1};
  ::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends.data());
  return {.ours = Descriptor{ends[0]}, .peer = Descriptor{ends[1]}};
}

// A connection with the smallest possible buffers.
auto connect_narrowly() -> Ends {
  auto ends = connect(SOCK_STREAM);
  const int size = 1;
  for (const auto* const end : {&ends.ours, &ends.peer}) {
    ::setsockopt(end->get(), SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
  }
  return ends;
}

auto with_length(const Bytes& ethernet) -> Bytes {
  const auto length = encode_length(static_cast<std::uint32_t>(ethernet.size()));
  Bytes bytes(kLengthSize + ethernet.size());
  std::ranges::copy(ethernet, std::ranges::copy(length, bytes.begin()).out);
  return bytes;
}

void write(const Descriptor& peer, std::span<const std::byte> bytes) {
  ASSERT_EQ(::send(peer.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL), static_cast<ssize_t>(bytes.size()));
}

// All bytes that are available now.
auto read_now(const Descriptor& peer) -> Bytes {
  Bytes bytes(1U << 20U);
  const auto got = ::recv(peer.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
  bytes.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
  return bytes;
}

auto receive_now(Backend& backend) -> std::size_t {
  Bytes buffer(kMaxFrame);
  return backend.receive(buffer).value_or(SIZE_MAX);
}

TEST(StreamSocket, PassesFramesBothWays) {
  auto ends = connect(SOCK_STREAM);
  StreamSocket socket{std::move(ends.ours), "peer"};
  EXPECT_EQ(socket.features(), 0U);
  EXPECT_EQ(receive_now(socket), 0U);
  for (const std::size_t size : {kMinFrame, std::size_t{1514}, kMaxFrame - kHeaderSize}) {
    const auto frame = ethernet_frame(size, 1);
    write(ends.peer, with_length(frame));
    write(ends.peer, with_length(ethernet_frame(70, 2)));
    EXPECT_EQ(receive_frame(socket), frame);
    EXPECT_EQ(receive_frame(socket), ethernet_frame(70, 2));
    EXPECT_EQ(receive_now(socket), 0U);
    EXPECT_EQ(send_frame(socket, frame), true);
    EXPECT_EQ(read_now(ends.peer), with_length(frame));
  }
}

TEST(StreamSocket, MakesAHeaderOfZeros) {
  auto ends = connect(SOCK_STREAM);
  StreamSocket socket{std::move(ends.ours), "peer"};
  write(ends.peer, with_length(ethernet_frame(64, 1)));
  Bytes buffer(kMaxFrame, std::byte{0xff});
  EXPECT_EQ(socket.receive(buffer).value_or(1), 0U + kHeaderSize + 64);
  Bytes header(kHeaderSize);
  header[10] = std::byte{1};
  EXPECT_EQ(Bytes(buffer.begin(), buffer.begin() + kHeaderSize), header);
}

TEST(StreamSocket, SendsPiecesOfAnySize) {
  auto ends = connect(SOCK_STREAM);
  StreamSocket socket{std::move(ends.ours), "peer"};
  const auto frame = ethernet_frame(1514, 7);
  for (const std::size_t pieces : {1U, 2U, 3U, 63U, 64U, 65U, 509U, 1526U}) {
    EXPECT_EQ(send_in_pieces(socket, with_header(frame), pieces), true);
    EXPECT_EQ(read_now(ends.peer), with_length(frame)) << pieces;
  }
}

TEST(StreamSocket, KeepsWhatThePeerDoesNotTakeYet) {
  auto ends = connect_narrowly();
  StreamSocket socket{std::move(ends.ours), "peer"};
  Bytes sent;
  Bytes received;
  bool was_pending = false;
  for (unsigned i = 0; i < 200; ++i) {
    const auto frame = ethernet_frame(1000 + i * 300, i);
    while (true) {
      const auto result = send_in_pieces(socket, with_header(frame), 5);
      ASSERT_TRUE(result);
      was_pending = was_pending || socket.has_pending();
      if (*result) break;
      const auto some = read_now(ends.peer);
      received.insert(received.end(), some.begin(), some.end());
    }
    const auto bytes = with_length(frame);
    sent.insert(sent.end(), bytes.begin(), bytes.end());
  }
  EXPECT_TRUE(was_pending);
  while (received.size() < sent.size()) {
    ASSERT_TRUE(socket.flush());
    const auto some = read_now(ends.peer);
    ASSERT_FALSE(some.empty());
    received.insert(received.end(), some.begin(), some.end());
  }
  EXPECT_FALSE(socket.has_pending());
  EXPECT_EQ(received, sent);
}

TEST(StreamSocket, TakesFramesThatComeInParts) {
  auto ends = connect(SOCK_STREAM);
  StreamSocket socket{std::move(ends.ours), "peer"};
  const auto frame = ethernet_frame(99, 1);
  for (const auto byte : with_length(frame)) {
    EXPECT_EQ(receive_now(socket), 0U);
    write(ends.peer, {&byte, 1});
  }
  EXPECT_EQ(receive_frame(socket), frame);
}

TEST(StreamSocket, RepeatsAConnectionUntilTheGuestAnswers) {
  auto ends = connect(SOCK_STREAM);
  StreamSocket socket{std::move(ends.ours), "peer"};
  EXPECT_EQ(socket.deadline(), std::nullopt);
  const auto syn = SegmentFrame{}.bytes();
  write(ends.peer, with_length(syn));
  EXPECT_EQ(receive_frame(socket), syn);
  EXPECT_EQ(receive_now(socket), 0U);
  ASSERT_TRUE(socket.deadline());
  std::this_thread::sleep_until(*socket.deadline());
  EXPECT_EQ(receive_frame(socket), syn);
  const auto answer = SegmentFrame{.flags = SegmentFrame::kSyn | SegmentFrame::kAck, .is_from_guest = true}.bytes();
  EXPECT_EQ(send_in_pieces(socket, with_header(answer), 9), true);
  EXPECT_EQ(read_now(ends.peer), with_length(answer));
  EXPECT_EQ(send_in_pieces(socket, with_header(answer), 9), true);
  EXPECT_TRUE(read_now(ends.peer).empty()) << "the answer to the second one";
  EXPECT_EQ(socket.deadline(), std::nullopt);
}

TEST(StreamSocket, EndsWithThePeer) {
  auto ends = connect(SOCK_STREAM);
  StreamSocket socket{std::move(ends.ours), "peer"};
  write(ends.peer, with_length(ethernet_frame(64, 1)));
  ends.peer = Descriptor{};
  EXPECT_EQ(receive_frame(socket), ethernet_frame(64, 1));
  EXPECT_EQ(reason_of_receive(socket), "peer has closed the connection");
  const auto sent = send_frame(socket, ethernet_frame(64, 1));
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().reason, "peer has closed the connection");
}

TEST(StreamSocket, EndsWithAnInvalidLength) {
  for (const std::uint32_t length : {0U, 65551U, 0xffffffffU}) {
    auto ends = connect(SOCK_STREAM);
    StreamSocket socket{std::move(ends.ours), "peer"};
    write(ends.peer, encode_length(length));
    EXPECT_EQ(reason_of_receive(socket), "peer has sent a frame of invalid length") << length;
    EXPECT_EQ(reason_of_receive(socket), "peer has sent a frame of invalid length") << length;
  }
}

TEST(StreamSocket, DropsFramesOfImpossibleSize) {
  auto ends = connect(SOCK_STREAM);
  StreamSocket socket{std::move(ends.ours), "peer"};
  EXPECT_EQ(socket.send({}), true);
  EXPECT_EQ(send_in_pieces(socket, Bytes(kHeaderSize), 1), true);
  EXPECT_EQ(send_in_pieces(socket, Bytes(kMaxFrame + 1), 1), true);
  EXPECT_TRUE(read_now(ends.peer).empty());
}

TEST(DatagramSocket, PassesFramesBothWays) {
  for (const int type : {SOCK_DGRAM, SOCK_SEQPACKET}) {
    auto ends = connect(type);
    DatagramSocket socket{std::move(ends.ours), "peer", type == SOCK_SEQPACKET};
    EXPECT_EQ(receive_now(socket), 0U);
    for (const std::size_t size : {kMinFrame, std::size_t{1514}, kMaxFrame - kHeaderSize}) {
      const auto frame = ethernet_frame(size, 1);
      write(ends.peer, frame);
      EXPECT_EQ(receive_frame(socket), frame);
      EXPECT_EQ(send_in_pieces(socket, with_header(frame), 100), true);
      EXPECT_EQ(read_now(ends.peer), frame);
    }
  }
}

TEST(DatagramSocket, PassesOverOddMessages) {
  auto ends = connect(SOCK_DGRAM);
  DatagramSocket socket{std::move(ends.ours), "peer", false};
  write(ends.peer, {});
  write(ends.peer, Bytes(kMaxFrame));
  write(ends.peer, ethernet_frame(80, 1));
  EXPECT_EQ(receive_frame(socket), ethernet_frame(80, 1));
}

TEST(DatagramSocket, WaitsWhenThePeerDoesNotRead) {
  auto ends = connect(SOCK_DGRAM);
  DatagramSocket socket{std::move(ends.ours), "peer", false};
  int sent = 0;
  while (send_frame(socket, ethernet_frame(1514, 1)).value_or(false)) ++sent;
  EXPECT_GT(sent, 1);
  EXPECT_FALSE(send_frame(socket, ethernet_frame(1514, 1)).value_or(true));
  EXPECT_FALSE(read_now(ends.peer).empty());
  EXPECT_TRUE(send_frame(socket, ethernet_frame(1514, 1)).value_or(false));
}

TEST(DatagramSocket, EndsWithThePeer) {
  auto ends = connect(SOCK_SEQPACKET);
  DatagramSocket socket{std::move(ends.ours), "peer", true};
  ends.peer = Descriptor{};
  EXPECT_EQ(reason_of_receive(socket), "peer has closed the connection");
  EXPECT_FALSE(send_frame(socket, ethernet_frame(100, 1)));
}

}  // namespace
}  // namespace hermitage::vmm::net
