// A file descriptor that closes itself.
#pragma once

#include <utility>

#include <unistd.h>

namespace hermitage::base {

class Descriptor {
 public:
  Descriptor() noexcept = default;
  // Takes the result of open(2) or a similar call; a negative number is not a descriptor.
  explicit Descriptor(int number) noexcept : number_{number} {}
  Descriptor(Descriptor&& other) noexcept : number_{std::exchange(other.number_, -1)} {}
  auto operator=(Descriptor&& other) noexcept -> Descriptor& {
    std::swap(number_, other.number_);
    return *this;
  }
  ~Descriptor() {
    if (is_open()) ::close(number_);
  }

  [[nodiscard]] auto is_open() const noexcept -> bool { return number_ >= 0; }
  [[nodiscard]] auto get() const noexcept -> int { return number_; }

 private:
  int number_ = -1;
};

}  // namespace hermitage::base
