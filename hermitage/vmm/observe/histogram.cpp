#include "hermitage/vmm/observe/histogram.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace hermitage::vmm::observe {
namespace {

using std::chrono::nanoseconds;

constexpr std::uint64_t kExact = 16;  // values below it have a class each
constexpr unsigned kFirstPower = 4;   // of kExact
constexpr unsigned kClassBits = 3;    // of the classes of one power of two

auto class_of(std::uint64_t value) noexcept -> std::size_t {
  if (value < kExact) return value;
  const auto power = static_cast<unsigned>(std::bit_width(value)) - 1;
  const auto part = value >> (power - kClassBits) & ((1U << kClassBits) - 1);
  return std::min<std::size_t>(kExact + ((power - kFirstPower) << kClassBits) + part, Histogram::kClasses - 1);
}

auto middle_of(std::size_t number) noexcept -> std::uint64_t {
  if (number < kExact) return number;
  const auto power = kFirstPower + static_cast<unsigned>((number - kExact) >> kClassBits);
  const auto part = (number - kExact) & ((1U << kClassBits) - 1);
  const auto width = std::uint64_t{1} << (power - kClassBits);
  return (std::uint64_t{1} << power) + part * width + width / 2;
}

}  // namespace

void Histogram::add(nanoseconds duration) noexcept {
  duration = std::max(duration, nanoseconds{0});
  ++counts_[class_of(static_cast<std::uint64_t>(duration.count()))];
  ++count_;
  total_ += duration;
  longest_ = std::max(longest_, duration);
}

void Histogram::add(const Histogram& other) noexcept {
  for (std::size_t i = 0; i < kClasses; ++i) counts_[i] += other.counts_[i];
  count_ += other.count_;
  total_ += other.total_;
  longest_ = std::max(longest_, other.longest_);
}

auto Histogram::quantile(double share) const noexcept -> nanoseconds {
  if (count_ == 0) return {};
  const auto rank =
      std::clamp<std::uint64_t>(static_cast<std::uint64_t>(std::ceil(share * static_cast<double>(count_))), 1, count_);
  std::uint64_t seen = 0;
  std::size_t number = 0;
  while (number + 1 < kClasses && seen + counts_[number] < rank) seen += counts_[number++];
  return std::min(nanoseconds{static_cast<nanoseconds::rep>(middle_of(number))}, longest_);
}

}  // namespace hermitage::vmm::observe
