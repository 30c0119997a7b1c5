#include "hermitage/vmm/net/pcap.hpp"

#include <array>
#include <csignal>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <string>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "hermitage/vmm/net/frame_testing.hpp"
#include "hermitage/vmm/net/socket.hpp"
#include "testing/temporary_directory.hpp"

namespace hermitage::vmm::net {
namespace {

struct Record {
  std::uint32_t seconds;
  Bytes frame;
};

auto read_file(const std::string& path) -> std::string {
  std::ifstream file{path, std::ios::binary};
  return {std::istreambuf_iterator<char>{file}, {}};
}

// The records of a pcap file; none if the file is malformed.
auto records_of(const std::string& file) -> std::vector<Record> {
  const auto word = [&file](std::size_t at) {
    std::uint32_t value = 0;
    file.copy(reinterpret_cast<char*>(&value), sizeof value, at);
    return value;
  };
  if (file.size() < 24 || word(0) != 0xa1b23c4d || word(4) != 0x00040002 || word(20) != 1) return {};
  std::vector<Record> records;
  for (std::size_t at = 24; at < file.size();) {
    const std::size_t size = word(at + 8);
    if (word(at + 4) >= 1'000'000'000 || word(at + 12) != size || at + 16 + size > file.size()) return {};
    const auto* const start = reinterpret_cast<const std::byte*>(file.data()) + at + 16;
    records.push_back({.seconds = word(at), .frame = Bytes(start, start + size)});
    at += 16 + size;
  }
  return records;
}

class PcapTest : public ::testing::Test {
 protected:
  PcapTest() {
    std::array<int, 2> ends{};
    ::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data());
    ours_ = std::make_unique<DatagramSocket>(Descriptor{ends[0]}, "peer", true);
    peer_ = std::make_unique<DatagramSocket>(Descriptor{ends[1]}, "us", true);
  }

  auto make(const std::string& path) {
    return Pcap::create(path, std::move(ours_), [this](const std::string& line) { warnings_.push_back(line); });
  }

  std::unique_ptr<Backend> ours_;
  std::unique_ptr<Backend> peer_;
  std::vector<std::string> warnings_;
  hermitage::testing::TemporaryDirectory directory_;
};

TEST_F(PcapTest, HasWhatGoesOverTheWire) {
  const auto path = directory_.file("net.pcap");
  auto pcap = make(path);
  ASSERT_TRUE(pcap) << pcap.error().message();
  EXPECT_EQ(send_frame(**pcap, ethernet_frame(60, 1)), true);
  EXPECT_EQ(receive_frame(*peer_), ethernet_frame(60, 1));
  EXPECT_EQ(send_frame(*peer_, ethernet_frame(9014, 2)), true);
  EXPECT_EQ(receive_frame(**pcap), ethernet_frame(9014, 2));
  EXPECT_EQ(send_in_pieces(**pcap, with_header(ethernet_frame(1514, 3)), 300), true);
  EXPECT_EQ(send_in_pieces(**pcap, Bytes(kHeaderSize), 1), true);
  Bytes buffer(kMaxFrame);
  EXPECT_EQ((*pcap)->receive(buffer).value_or(1), 0U);
  const auto records = records_of(read_file(path));
  ASSERT_EQ(records.size(), 3U);
  EXPECT_EQ(records[0].frame, ethernet_frame(60, 1));
  EXPECT_EQ(records[1].frame, ethernet_frame(9014, 2));
  EXPECT_EQ(records[2].frame, ethernet_frame(1514, 3));
  EXPECT_GT(records[0].seconds, 1'700'000'000U);
  struct stat status{};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
  EXPECT_TRUE(warnings_.empty());
}

TEST_F(PcapTest, LeavesOutWhatIsNotSent) {
  const auto path = directory_.file("net.pcap");
  auto pcap = make(path);
  ASSERT_TRUE(pcap);
  std::size_t sent = 0;
  while (send_frame(**pcap, ethernet_frame(1514, 1)).value_or(false)) ++sent;
  EXPECT_FALSE(send_frame(**pcap, ethernet_frame(1514, 1)).value_or(true));
  EXPECT_EQ(records_of(read_file(path)).size(), sent);
}

TEST_F(PcapTest, GoesOnWithoutAFileThatIsFull) {
  auto pcap = make("/dev/full");
  ASSERT_FALSE(pcap);
  EXPECT_EQ(pcap.error().message(), "write to /dev/full: No space left on device");
}

TEST_F(PcapTest, WarnsOnceWhenWritingFails) {
  const auto path = directory_.file("net.pcap");
  auto pcap = make(path);
  ASSERT_TRUE(pcap);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  rlimit small = before;
  small.rlim_cur = 200;
  ::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(send_frame(**pcap, ethernet_frame(100, 1)), true);
  ::setrlimit(RLIMIT_FSIZE, &before);
  ::signal(SIGXFSZ, SIG_DFL);
  ASSERT_EQ(warnings_.size(), 1U);
  EXPECT_EQ(warnings_[0], "write to " + path + ": there is no more room; frames from here on are not written");
  EXPECT_EQ(receive_frame(*peer_), ethernet_frame(100, 1));
}

TEST_F(PcapTest, LeavesOutFramesForWhichAPipeHasNoRoom) {
  const auto path = directory_.file("pipe");
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  const Descriptor reader{::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC)};
  auto pcap = make(path);
  ASSERT_TRUE(pcap) << pcap.error().message();
  ASSERT_EQ(::fcntl(reader.get(), F_SETPIPE_SZ, 4096), 4096);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(send_frame(**pcap, ethernet_frame(1514, 1)), true);
  std::vector<std::byte> bytes(16384);
  const auto size = ::read(reader.get(), bytes.data(), bytes.size());
  EXPECT_EQ(size, 24 + 2 * (16 + 1514)) << "two whole frames";
  ASSERT_EQ(warnings_.size(), 1U);
  EXPECT_EQ(warnings_[0], "write to " + path + ": its reader is too slow; some frames are missing");
  EXPECT_EQ(send_frame(**pcap, ethernet_frame(1514, 2)), true);
  EXPECT_EQ(::read(reader.get(), bytes.data(), bytes.size()), 16 + 1514) << "there is room again";
}

TEST_F(PcapTest, SaysWhyTheFileCannotBeMade) {
  auto pcap = make("/nowhere/net.pcap");
  ASSERT_FALSE(pcap);
  EXPECT_EQ(pcap.error().message(), "/nowhere/net.pcap: No such file or directory");
}

}  // namespace
}  // namespace hermitage::vmm::net
