// Warnings about irregularities of a guest that do not end it.
#pragma once

#include <cstddef>
#include <functional>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <utility>

namespace hermitage::vmm {

// Passes on each line once, and at most kMax lines, so that a guest cannot fill the host's log. Any thread can call it.
class Warnings {
 public:
  static constexpr std::size_t kMax = 16;

  // `sink` can be empty.
  explicit Warnings(std::function<void(std::string_view)> sink) : sink_{std::move(sink)} {}

  void add(const std::string& line) {
    if (!sink_) return;
    const std::scoped_lock lock{mutex_};
    if (lines_.size() < kMax && lines_.insert(line).second) sink_(line);
  }

 private:
  std::function<void(std::string_view)> sink_;
  std::mutex mutex_;  // protects lines_, and calls of sink_
  std::set<std::string> lines_;
};

}  // namespace hermitage::vmm
