#include "hermitage/vmm/net/frame_reader.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

namespace hermitage::vmm::net {
namespace {

// Converts to and from network byte order.
auto swapped(std::uint32_t value) noexcept -> std::uint32_t {
  return std::endian::native == std::endian::big ? value : std::byteswap(value);
}

}  // namespace

auto encode_length(std::uint32_t length) noexcept -> std::array<std::byte, kLengthSize> {
  return std::bit_cast<std::array<std::byte, kLengthSize>>(swapped(length));
}

auto FrameReader::size() const noexcept -> std::size_t {
  return swapped(std::bit_cast<std::uint32_t>(length_));
}

auto FrameReader::is_malformed() const noexcept -> bool {
  return length_got_ == kLengthSize && (size() == 0 || size() > most_);
}

auto FrameReader::pieces(std::span<std::byte> frame) noexcept -> std::span<iovec> {
  if (length_got_ < kLengthSize) {
    pieces_[0] = {.iov_base = length_.data() + length_got_, .iov_len = kLengthSize - length_got_};
    return std::span{pieces_}.first(1);
  }
  auto* const start = partial_got_ == 0 ? frame.data() : partial_.get() + partial_got_;
  pieces_ = {{{.iov_base = start, .iov_len = size() - partial_got_},
              {.iov_base = length_after_.data(), .iov_len = kLengthSize}}};
  return pieces_;
}

auto FrameReader::advance(std::span<std::byte> frame, std::size_t count) noexcept -> std::size_t {
  if (length_got_ < kLengthSize) {
    length_got_ += count;
    return 0;
  }
  const auto missing = size() - partial_got_;
  if (count < missing) {
    if (partial_got_ == 0) std::memcpy(partial_.get(), frame.data(), count);
    partial_got_ += count;
    return 0;
  }
  const auto whole = size();
  if (partial_got_ != 0) std::memcpy(frame.data(), partial_.get(), whole);
  partial_got_ = 0;
  length_ = length_after_;
  length_got_ = count - missing;
  return whole;
}

}  // namespace hermitage::vmm::net
