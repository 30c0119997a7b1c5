// Runs a fuzz target over random inputs, without libFuzzer: for a sanitizer that libFuzzer does not go with.
// usage: PROGRAM COUNT [SEED]
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <vector>

extern "C" auto LLVMFuzzerInitialize(int* argc, char*** argv) -> int;                       // NOLINT
extern "C" auto LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) -> int;  // NOLINT

auto main(int argc, char** argv) -> int {
  if (argc < 2) {
    std::fprintf(stderr, "usage: %s COUNT [SEED]\n", argv[0]);
    return 2;
  }
  constexpr std::size_t kMaxSize = 2048;
  const auto count = std::strtoul(argv[1], nullptr, 10);
  std::mt19937_64 random{argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 1};
  LLVMFuzzerInitialize(&argc, &argv);
  for (unsigned long i = 0; i < count; ++i) {
    std::vector<std::uint8_t> input(random() % kMaxSize);
    std::ranges::generate(input, [&] { return static_cast<std::uint8_t>(random()); });
    LLVMFuzzerTestOneInput(input.data(), input.size());
  }
  std::printf("%lu inputs\n", count);
  return 0;
}
