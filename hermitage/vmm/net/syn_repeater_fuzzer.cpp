// Frames in both directions. Each starts with a byte for its size, whose lowest bit is the direction.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "hermitage/vmm/net/syn_repeater.hpp"

extern "C" auto LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) -> int {
  using namespace std::chrono_literals;
  using hermitage::vmm::net::SynRepeater;
  SynRepeater repeater;
  auto now = SynRepeater::Clock::now();
  for (auto input = std::as_bytes(std::span{data, size}); !input.empty();) {
    const auto first = std::to_integer<std::size_t>(input.front());
    input = input.subspan(1);
    const auto frame = input.first(std::min(first, input.size()));
    input = input.subspan(frame.size());
    if (first % 2 == 0) {
      repeater.on_delivered(frame);
    } else {
      if (repeater.repeats_answer(frame) && repeater.is_empty()) std::abort();
      repeater.on_sent(frame);
    }
    now += 30ms;
    const auto due = repeater.take_due(now);
    if (!due.empty() && repeater.is_empty()) std::abort();
    if (repeater.is_empty() != !repeater.deadline()) std::abort();
  }
  std::size_t count = 0;
  while (!repeater.take_due(now + 1s).empty()) ++count;
  if (count > SynRepeater::kCapacity) std::abort();
  static_cast<void>(repeater.take_due(now + 2 * SynRepeater::kPatience));
  if (!repeater.is_empty()) std::abort();
  return 0;
}
