// What is odd about a guest, but does not end it.
#pragma once

#include <cstddef>
#include <functional>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <utility>

namespace hermitage::vmm {

// Passes on each line once, and at most kMax of them: a guest does not flood its host's log. For any thread.
class Warnings {
 public:
  static constexpr std::size_t kMax = 16;

  // `sink` may be empty.
  explicit Warnings(std::function<void(std::string_view)> sink) : sink_{std::move(sink)} {}

  void add(const std::string& line) {
    if (!sink_) return;
    const std::scoped_lock lock{mutex_};
    if (lines_.size() < kMax && lines_.insert(line).second) sink_(line);
  }

 private:
  std::function<void(std::string_view)> sink_;
  std::mutex mutex_;  // of lines_, and of calls of sink_
  std::set<std::string> lines_;
};

}  // namespace hermitage::vmm
