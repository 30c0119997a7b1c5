#include "hermitage/vmm/observe/observed_backend.hpp"

#include <array>
#include <string>

#include <gtest/gtest.h>

namespace hermitage::vmm::observe {
namespace {

// Receives one frame of 100 bytes, then none. Refuses the first frame to be sent.
class FakeBackend final : public net::Backend {
 public:
  explicit FakeBackend(bool& begins) : begins_{begins} {}

  void begin() noexcept override { begins_ = true; }
  [[nodiscard]] auto descriptor() const noexcept -> int override { return 7; }
  [[nodiscard]] auto tap() const noexcept -> int override { return 8; }
  [[nodiscard]] auto features() const noexcept -> std::uint64_t override { return 9; }
  [[nodiscard]] auto set_features(std::uint64_t /*taken*/) -> Result<void> override { return {}; }
  [[nodiscard]] auto receive(std::span<std::byte> /*buffer*/) -> std::expected<std::size_t, net::Closed> override {
    return std::exchange(received_, 0);
  }
  [[nodiscard]] auto send(std::span<const iovec> /*frame*/) -> std::expected<bool, net::Closed> override {
    return std::exchange(sends_, true);
  }

 private:
  bool& begins_;
  std::size_t received_ = net::kHeaderSize + 100;
  bool sends_ = false;
};

TEST(ObservedBackend, RecordsFrames) {
  TimelineTrack track{"network", 8};
  bool begins = false;
  ObservedBackend backend{std::make_unique<FakeBackend>(begins), track};
  backend.begin();
  EXPECT_TRUE(begins);
  EXPECT_EQ(backend.descriptor(), 7);
  EXPECT_EQ(backend.descriptors(), std::vector{7});
  EXPECT_EQ(backend.tap(), 8);
  EXPECT_EQ(backend.features(), 9U);
  std::array<std::byte, net::kHeaderSize + 60> bytes{};
  EXPECT_EQ(backend.receive(bytes), net::kHeaderSize + 100);
  EXPECT_EQ(backend.receive(bytes), 0U);
  const std::array pieces{iovec{.iov_base = bytes.data(), .iov_len = net::kHeaderSize},
                          iovec{.iov_base = bytes.data(), .iov_len = 60}};
  EXPECT_EQ(backend.send(pieces), false);
  EXPECT_EQ(backend.send(pieces), true);
  std::vector<std::string> lines;
  track.for_each([&](const TimelineEvent& event) {
    lines.push_back(std::string{event.name} + ": " + std::string{event.detail_text()});
  });
  EXPECT_EQ(lines, (std::vector<std::string>{"receive frame: 100 bytes", "send frame: 60 bytes"}));
}

}  // namespace
}  // namespace hermitage::vmm::observe
