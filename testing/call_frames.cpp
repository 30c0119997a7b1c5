#include "testing/call_frames.hpp"

#include "hermitage/entry/bytes.hpp"

namespace hermitage::testing {

void FrameWriter::common(const std::vector<std::uint8_t>& instructions) {
  common_ = bytes_.size();
  put(0, 4);  // the size
  put(is_debug_frame_ ? 0xffffffff : 0, 4);
  put(1, 1);  // version
  if (!is_debug_frame_) put_all({'z', 'R'});
  put(0, 1);
  put_all({1, 0x78});  // code step, data step
  put(return_register_, 1);
  if (!is_debug_frame_) put_all({1, 0x1b});
  put_all(instructions);
  patch_size(common_);
}

void FrameWriter::function(std::uint64_t begin, std::uint32_t size, const std::vector<std::uint8_t>& instructions) {
  const auto start = bytes_.size();
  put(0, 4);
  put(is_debug_frame_ ? common_ : bytes_.size() - common_, 4);
  if (is_debug_frame_) {
    put(begin, 8);
    put(size, 8);
  } else {
    put(begin - (address_ + bytes_.size()), 4);
    put(size, 4);
    put(0, 1);  // no augmentation
  }
  put_all(instructions);
  patch_size(start);
}

void FrameWriter::end() {
  if (!is_debug_frame_) put(0, 4);
}

void FrameWriter::put(std::uint64_t value, unsigned size) {
  for (unsigned i = 0; i < size; ++i) bytes_.push_back(static_cast<std::byte>(value >> (8 * i)));
}

void FrameWriter::put_all(const std::vector<std::uint8_t>& values) {
  for (const auto value : values) bytes_.push_back(static_cast<std::byte>(value));
}

void FrameWriter::patch_size(std::size_t at) {
  entry::write<std::uint32_t>(bytes_, at, static_cast<std::uint32_t>(bytes_.size() - at - 4), entry::Endian::little);
}

}  // namespace hermitage::testing
