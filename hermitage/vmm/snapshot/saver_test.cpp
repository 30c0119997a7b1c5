#include "hermitage/vmm/snapshot/saver.hpp"

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>

#include <gtest/gtest.h>

namespace hermitage::vmm::snapshot {
namespace {

using namespace std::chrono_literals;

TEST(OutputSearch, FindsAStringInOnePiece) {
  OutputSearch search{"ready"};
  EXPECT_FALSE(search.is_found_in("not yet"));
  EXPECT_TRUE(search.is_found_in("now ready to go"));
}

TEST(OutputSearch, FindsAStringInSeveralPieces) {
  const std::string output = "rererereadready";
  for (std::size_t size = 1; size <= output.size(); ++size) {
    OutputSearch search{"ready"};
    bool is_found = false;
    for (std::size_t at = 0; at < output.size(); at += size) {
      const auto piece = std::string_view{output}.substr(at, size);
      is_found = search.is_found_in(piece);
      EXPECT_EQ(is_found, at + piece.size() == output.size()) << size << " " << at;
    }
    EXPECT_TRUE(is_found) << size;
  }
}

TEST(OutputSearch, DoesNotFindAnEmptyString) {
  OutputSearch search{""};
  EXPECT_FALSE(search.is_found_in("anything"));
}

class SaverTest : public ::testing::Test {
 protected:
  // Runs a saver until it has saved, or is stopped.
  auto run(const SnapshotOptions& options) -> std::jthread {
    saver = Saver::make(options).value();
    return std::jthread{[this] {
      saver->run({.cpu_time = [this] { return std::chrono::nanoseconds{cpu_time.load()}; },
                  .is_stopping = [this] { return is_stopping.load(); },
                  .save = [this]() -> std::optional<Result<void>> { return ++saves, Result<void>{}; }});
    }};
  }

  std::unique_ptr<Saver> saver;
  std::atomic<std::int64_t> cpu_time = 0;
  std::atomic<bool> is_stopping = false;
  std::atomic<int> saves = 0;
};

TEST_F(SaverTest, SavesOnRequest) {
  auto thread = run({});
  saver->request();
  thread.join();
  EXPECT_EQ(saves, 1);
}

TEST_F(SaverTest, SavesWhenTheTextIsWritten) {
  auto thread = run({.when_output = "up"});
  saver->on_output("starting u");
  saver->on_output("p\n");
  thread.join();
  EXPECT_EQ(saves, 1);
  EXPECT_TRUE(saver->outcome().value());
}

TEST_F(SaverTest, SavesAfterATime) {
  run({.after = 1ms}).join();
  EXPECT_EQ(saves, 1);
}

TEST_F(SaverTest, SavesWhenNoCpuTimeIsUsed) {
  cpu_time = 1'000'000;
  run({.when_idle = true}).join();
  EXPECT_EQ(saves, 1);
}

TEST_F(SaverTest, EndsWithTheRun) {
  auto thread = run({.when_output = "never", .when_idle = false, .after = std::chrono::hours{1'000'000}});
  is_stopping = true;
  saver->call_back();
  thread.join();
  EXPECT_EQ(saves, 0);
  EXPECT_FALSE(saver->outcome());
}

}  // namespace
}  // namespace hermitage::vmm::snapshot
