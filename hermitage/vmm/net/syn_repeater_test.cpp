#include "hermitage/vmm/net/syn_repeater.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <vector>

#include <gtest/gtest.h>

#include "hermitage/vmm/net/frame_testing.hpp"

namespace hermitage::vmm::net {
namespace {

using namespace std::chrono_literals;

constexpr auto kSyn = SegmentFrame::kSyn;
constexpr auto kAck = SegmentFrame::kAck;
constexpr auto kReset = SegmentFrame::kReset;

class SynRepeaterTest : public ::testing::Test {
 protected:
  // The frame that is due at a time after now; empty: none.
  auto due(std::chrono::milliseconds after) -> Bytes {
    const auto frame = repeater_.take_due(begin_ + after);
    return {frame.begin(), frame.end()};
  }

  SynRepeater repeater_;
  SynRepeater::Clock::time_point begin_ = SynRepeater::Clock::now() + 1ms;  // after the first frame is delivered
};

TEST(SynRepeater, RepeatsUntilTheGuestAnswers) {
  for (const bool is_ipv6 : {false, true}) {
    for (const auto answer : {kSyn | kAck, kReset | kAck, kAck}) {
      SynRepeater repeater;
      const auto later = SynRepeater::Clock::now() + 1s;
      const auto due = [&](std::chrono::milliseconds after) {
        const auto frame = repeater.take_due(later + after);
        return Bytes{frame.begin(), frame.end()};
      };
      const auto syn = SegmentFrame{.is_ipv6 = is_ipv6}.bytes();
      repeater.on_delivered(syn);
      EXPECT_FALSE(repeater.is_empty());
      EXPECT_TRUE(repeater.take_due(later - 1s).empty());
      EXPECT_EQ(due(0s), syn);
      EXPECT_TRUE(due(0s).empty());
      EXPECT_EQ(due(1s), syn);
      const auto answered = SegmentFrame{.flags = answer, .is_ipv6 = is_ipv6, .is_from_guest = true}.bytes();
      EXPECT_FALSE(repeater.repeats_answer(answered));
      repeater.on_sent(answered);
      EXPECT_TRUE(due(2s).empty());
      EXPECT_TRUE(due(SynRepeater::kPatience).empty());
      EXPECT_TRUE(repeater.is_empty());
      EXPECT_EQ(repeater.deadline(), std::nullopt);
    }
  }
}

// The guest may answer every copy, with SYN or without, and sends other segments between.
TEST_F(SynRepeaterTest, DropsTheAnswersToCopies) {
  const auto syn = SegmentFrame{}.bytes();
  repeater_.on_delivered(syn);
  EXPECT_EQ(due(1s), syn);
  EXPECT_EQ(due(2s), syn);
  const auto answer = SegmentFrame{.flags = kSyn | kAck, .is_from_guest = true}.bytes();
  const auto confirmation = SegmentFrame{.flags = kAck, .is_from_guest = true}.bytes();
  EXPECT_FALSE(repeater_.repeats_answer(answer));
  EXPECT_FALSE(repeater_.repeats_answer(answer)) << "it was not sent yet";
  repeater_.on_sent(answer);
  EXPECT_TRUE(repeater_.repeats_answer(answer));
  repeater_.on_sent(answer);
  for (const auto& other : {SegmentFrame{.flags = kAck, .is_from_guest = true, .payload_size = 1},
                            SegmentFrame{.flags = kAck | kReset, .is_from_guest = true},
                            SegmentFrame{.flags = kAck | 1, .is_from_guest = true},
                            SegmentFrame{.flags = kAck, .is_from_guest = true, .sequence = 1018},
                            SegmentFrame{.flags = kAck, .is_from_guest = true, .host_port = 5001}}) {
    EXPECT_FALSE(repeater_.repeats_answer(other.bytes()));
    repeater_.on_sent(other.bytes());
  }
  EXPECT_TRUE(repeater_.repeats_answer(confirmation));
  repeater_.on_sent(confirmation);
  EXPECT_FALSE(repeater_.repeats_answer(confirmation)) << "all copies are answered";
  EXPECT_TRUE(repeater_.is_empty());
}

TEST_F(SynRepeaterTest, RepeatsNothingForAGuestThatIsReady) {
  repeater_.on_delivered(SegmentFrame{}.bytes());
  repeater_.on_sent(SegmentFrame{.flags = kSyn | kAck, .is_from_guest = true}.bytes());
  EXPECT_TRUE(repeater_.is_empty());
  repeater_.on_delivered(SegmentFrame{.host_port = 5001}.bytes());
  EXPECT_TRUE(repeater_.is_empty());
  repeater_.on_delivered(SegmentFrame{.is_ipv6 = true}.bytes());
  EXPECT_FALSE(repeater_.is_empty()) << "by IPv6, it may not be";
}

TEST_F(SynRepeaterTest, WaitsLongerEachTime) {
  repeater_.on_delivered(SegmentFrame{}.bytes());
  auto now = begin_;
  std::vector<std::chrono::milliseconds> intervals;
  for (int i = 0; i < 7; ++i) {
    const auto next = repeater_.deadline().value();
    intervals.push_back(std::chrono::round<std::chrono::milliseconds>(next - now));
    EXPECT_TRUE(repeater_.take_due(next - 1ns).empty());
    EXPECT_FALSE(repeater_.take_due(next).empty());
    now = next;
  }
  intervals.erase(intervals.begin());
  EXPECT_EQ(intervals, (std::vector{50ms, 100ms, 200ms, 400ms, 400ms, 400ms}));
}

TEST_F(SynRepeaterTest, GivesUpWithPasst) {
  repeater_.on_delivered(SegmentFrame{}.bytes());
  EXPECT_FALSE(due(SynRepeater::kPatience - 10ms).empty());
  EXPECT_TRUE(due(SynRepeater::kPatience + 10ms).empty());
  EXPECT_TRUE(repeater_.is_empty());
}

TEST_F(SynRepeaterTest, RepeatsOnlyFirstSegments) {
  for (const auto flags : {0U, kAck, kSyn | kAck, kReset}) {
    repeater_.on_delivered(SegmentFrame{.flags = flags}.bytes());
    EXPECT_TRUE(repeater_.is_empty()) << flags;
  }
  repeater_.on_delivered(ethernet_frame(60, 6));
  auto udp = SegmentFrame{}.bytes();
  udp[kEthernetSize + 9] = std::byte{17};
  repeater_.on_delivered(udp);
  auto fragment = SegmentFrame{}.bytes();
  fragment[kEthernetSize + 7] = std::byte{1};
  repeater_.on_delivered(fragment);
  auto large = SegmentFrame{}.bytes();
  large.resize(161);
  repeater_.on_delivered(large);
  EXPECT_TRUE(repeater_.is_empty());
}

TEST_F(SynRepeaterTest, ForgetsAConnectionThatTheHostEnds) {
  repeater_.on_delivered(SegmentFrame{}.bytes());
  repeater_.on_delivered(SegmentFrame{.flags = kReset}.bytes());
  EXPECT_TRUE(repeater_.is_empty());
}

TEST_F(SynRepeaterTest, TellsConnectionsApart) {
  repeater_.on_delivered(SegmentFrame{}.bytes());
  repeater_.on_delivered(SegmentFrame{.host_port = 5001, .options_size = 40}.bytes());
  repeater_.on_delivered(SegmentFrame{.is_ipv6 = true}.bytes());
  for (const auto& other : {SegmentFrame{.flags = kAck, .is_from_guest = true, .host_port = 5002},
                            SegmentFrame{.flags = kAck, .is_from_guest = false}}) {
    repeater_.on_sent(other.bytes());
  }
  repeater_.on_sent(SegmentFrame{.flags = kSyn | kAck, .is_from_guest = true}.bytes());
  std::vector<Bytes> left{due(1s), due(1s), due(1s)};
  std::ranges::sort(left, {}, &Bytes::size);
  EXPECT_EQ(left, (std::vector{Bytes{}, SegmentFrame{.is_ipv6 = true}.bytes(),
                               SegmentFrame{.host_port = 5001, .options_size = 40}.bytes()}));
}

TEST_F(SynRepeaterTest, KeepsALimitedNumber) {
  for (unsigned i = 0; i < 2 * SynRepeater::kCapacity; ++i) {
    repeater_.on_delivered(SegmentFrame{.host_port = 5000 + i}.bytes());
    repeater_.on_delivered(SegmentFrame{.host_port = 5000 + i}.bytes());
  }
  std::size_t count = 0;
  while (!due(1s).empty()) ++count;
  EXPECT_EQ(count, SynRepeater::kCapacity);
}

TEST_F(SynRepeaterTest, IgnoresTruncatedFrames) {
  for (const auto& frame : {SegmentFrame{.options_size = 8}.bytes(), SegmentFrame{.is_ipv6 = true}.bytes()}) {
    for (std::size_t size = 0; size < frame.size(); ++size) {
      repeater_.on_delivered(std::span{frame}.first(size));
      repeater_.on_sent(std::span{frame}.first(size));
    }
  }
  EXPECT_TRUE(repeater_.is_empty());
}

}  // namespace
}  // namespace hermitage::vmm::net
