// For profiles: `workload [ROUNDS]` computes in several functions, and prints a line for each round.
#include <algorithm>
#include <array>

#include "guests/runtime/guest.hpp"

namespace {

constexpr std::size_t kNumbers = 2'000;

std::array<std::uint32_t, kNumbers> numbers;

// xorshift (Marsaglia, 2003)
[[gnu::noinline]] void fill_with_random_numbers(std::uint32_t seed) {
  for (auto& number : numbers) {
    seed ^= seed << 13;
    seed ^= seed >> 17;
    seed ^= seed << 5;
    number = seed;
  }
}

[[gnu::noinline]] void sift_down(std::size_t root, std::size_t size) {
  for (auto child = 2 * root + 1; child < size; child = 2 * root + 1) {
    if (child + 1 < size && numbers[child] < numbers[child + 1]) ++child;
    if (numbers[root] >= numbers[child]) return;
    std::swap(numbers[root], numbers[child]);
    root = child;
  }
}

[[gnu::noinline]] void heap_sort() {
  for (auto root = kNumbers / 2; root-- > 0;) sift_down(root, kNumbers);
  for (auto size = kNumbers; size-- > 1;) {
    std::swap(numbers[0], numbers[size]);
    sift_down(0, size);
  }
}

// FNV-1a
[[gnu::noinline]] auto checksum() -> std::uint32_t {
  std::uint32_t hash = 2'166'136'261U;
  for (const auto number : numbers) hash = (hash ^ number) * 16'777'619U;
  return hash;
}

[[gnu::noinline]] void do_round(std::uint32_t number) {
  fill_with_random_numbers(number + 1);
  heap_sort();
  if (!std::ranges::is_sorted(numbers)) guest::fail("the numbers are not sorted");
  guest::Line line;
  line.append("round ").append_decimal(number).append(": ").append_decimal(checksum());
  guest::print_line(line);
}

}  // namespace

auto guest_main() -> int {
  constexpr std::int64_t kMaxRounds = 1'000'000;
  const auto argument = guest::argument(0);
  const auto rounds = argument ? guest::number(*argument) : 1;
  if (!rounds || *rounds < 1 || *rounds > kMaxRounds) guest::fail("usage: workload [ROUNDS]");
  for (std::uint32_t number = 0; number < *rounds; ++number) do_round(number);
  return 0;
}
