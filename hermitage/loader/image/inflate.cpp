#include "hermitage/loader/image/inflate.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

namespace hermitage::loader {
namespace {

constexpr unsigned kMaxCodeLength = 15;
constexpr unsigned kMaxSymbols = 288;
constexpr unsigned kMaxLiteralSymbols = 286;
constexpr unsigned kMaxDistanceSymbols = 30;
constexpr unsigned kEndOfBlock = 256;
constexpr unsigned kInvalidSymbol = 0xffff;

using Result = std::optional<InflateProblem>;  // nothing: success
constexpr Result kWell = std::nullopt;

// Reads bits, the lowest bit of a byte first. Bits after the end are zero, and mark the input as truncated.
class BitReader {
 public:
  explicit BitReader(std::span<const std::byte> input) noexcept : input_{input} {}

  // Afterwards, there are enough bits for a length and a distance with their extra bits: 48.
  void refill() noexcept {
    while (count_ <= 56 && next_ < input_.size()) {
      bits_ |= std::uint64_t{std::to_integer<std::uint8_t>(input_[next_++])} << count_;
      count_ += 8;
    }
  }

  [[nodiscard]] auto bits() const noexcept -> std::uint64_t { return bits_; }

  void skip(unsigned count) noexcept {
    is_truncated_ = is_truncated_ || count > count_;
    bits_ >>= count;
    count_ -= std::min(count, count_);
  }

  [[nodiscard]] auto take(unsigned count) noexcept -> unsigned {
    if (count_ < count) refill();
    const auto value = static_cast<unsigned>(bits_ & ((std::uint64_t{1} << count) - 1));
    skip(count);
    return value;
  }

  [[nodiscard]] auto is_truncated() const noexcept -> bool { return is_truncated_; }

  // The rest of the input from the next whole byte on.
  [[nodiscard]] auto rest() const noexcept -> std::span<const std::byte> { return input_.subspan(next_ - count_ / 8); }

  // Skips `count` bytes of the rest.
  void skip_bytes(std::size_t count) noexcept {
    next_ = next_ - count_ / 8 + count;
    bits_ = 0;
    count_ = 0;
  }

 private:
  std::span<const std::byte> input_;
  std::size_t next_ = 0;
  std::uint64_t bits_ = 0;  // zero from bit count_ on
  unsigned count_ = 0;
  bool is_truncated_ = false;
};

// A canonical Huffman code. A table decodes short codes, and a loop over the lengths decodes long codes.
class HuffmanCode {
 public:
  // Builds the code from the length of each symbol's code. Length 0 means no code. Returns false if there are too
  // many codes for the lengths, or too few. With `may_be_incomplete`, a single code of one bit, or no code, is
  // permitted.
  [[nodiscard]] auto build(std::span<const std::uint8_t> lengths, bool may_be_incomplete) noexcept -> bool {
    counts_ = {};
    fast_ = {};
    for (const auto length : lengths) ++counts_[length];
    const auto used = lengths.size() - counts_[0];
    counts_[0] = 0;
    int left = 1;
    for (unsigned length = 1; length <= kMaxCodeLength; ++length) {
      left = 2 * left - counts_[length];
      if (left < 0) return false;
    }
    if (left > 0 && !(may_be_incomplete && used == counts_[1])) return false;
    order(lengths);
    return true;
  }

  [[nodiscard]] auto decode(BitReader& input) const noexcept -> unsigned {
    const auto bits = input.bits();
    if (const unsigned entry = fast_[bits % fast_.size()]; entry != 0) {
      input.skip(entry % 16);
      return entry / 16;
    }
    unsigned code = 0;
    unsigned first = 0;
    unsigned index = 0;
    for (unsigned length = 1; length <= kMaxCodeLength; ++length) {
      code = 2 * code + static_cast<unsigned>(bits >> (length - 1) & 1);
      first *= 2;
      if (code - first < counts_[length]) {
        input.skip(length);
        return symbols_[index + code - first];
      }
      index += counts_[length];
      first += counts_[length];
    }
    return kInvalidSymbol;
  }

 private:
  static constexpr unsigned kFastBits = 9;

  // Sorts the symbols by their codes, and enters the short codes into the table.
  void order(std::span<const std::uint8_t> lengths) noexcept {
    std::array<std::uint16_t, kMaxCodeLength + 1> next_code{};
    std::array<std::uint16_t, kMaxCodeLength + 1> next_index{};
    for (unsigned length = 1; length <= kMaxCodeLength; ++length) {
      next_code[length] = static_cast<std::uint16_t>((next_code[length - 1] + counts_[length - 1]) * 2);
      next_index[length] = static_cast<std::uint16_t>(next_index[length - 1] + counts_[length - 1]);
    }
    for (unsigned symbol = 0; symbol < lengths.size(); ++symbol) {
      const unsigned length = lengths[symbol];
      if (length == 0) continue;
      symbols_[next_index[length]++] = static_cast<std::uint16_t>(symbol);
      const unsigned code = next_code[length]++;
      if (length > kFastBits) continue;
      // Codes are stored with the highest bit first, other values with the lowest bit first.
      unsigned reversed = 0;
      for (unsigned bit = 0; bit < length; ++bit) reversed |= (code >> bit & 1) << (length - 1 - bit);
      for (; reversed < fast_.size(); reversed += 1U << length) {
        fast_[reversed] = static_cast<std::uint16_t>(symbol * 16 + length);
      }
    }
  }

  std::array<std::uint16_t, 1U << kFastBits> fast_;  // symbol * 16 + length; 0: not a short code
  std::array<std::uint16_t, kMaxCodeLength + 1> counts_;
  std::array<std::uint16_t, kMaxSymbols> symbols_;
};

// Lengths 3 to 258 and distances 1 to 32768. Each symbol represents a range, and extra bits select the value in it.
struct Range {
  unsigned start;
  unsigned extra_bits;
};

// There are `step` symbols for each number of extra bits, and twice as many at the beginning, without extra bits.
constexpr auto range_of_symbol(unsigned symbol, unsigned step, unsigned first) noexcept -> Range {
  const unsigned octave = symbol / step;
  if (octave == 0) return {first + symbol, 0};
  return {first + ((step + symbol % step) << (octave - 1)), octave - 1};
}

constexpr auto length_range(unsigned symbol) noexcept -> Range {
  constexpr unsigned kLongest = kMaxLiteralSymbols - 1 - (kEndOfBlock + 1);
  return symbol == kLongest ? Range{258, 0} : range_of_symbol(symbol, 4, 3);
}

constexpr auto distance_range(unsigned symbol) noexcept -> Range {
  return range_of_symbol(symbol, 2, 1);
}

class Inflater {
 public:
  Inflater(std::span<const std::byte> input, std::span<std::byte> output) noexcept
      : size_{input.size()}, input_{input}, output_{output} {}

  [[nodiscard]] auto run() noexcept -> std::expected<Inflated, InflateProblem> {
    for (bool is_last = false; !is_last;) {
      is_last = input_.take(1) != 0;
      if (const auto problem = block(input_.take(2))) return std::unexpected{*problem};
    }
    return Inflated{.read = size_ - input_.rest().size(), .written = written_};
  }

 private:
  [[nodiscard]] auto block(unsigned kind) noexcept -> Result {
    switch (kind) {
      case 0: return stored();
      case 1: return fixed();
      case 2: return dynamic();
      default: return InflateProblem::damaged;
    }
  }

  [[nodiscard]] auto stored() noexcept -> Result {
    input_.skip_bytes(0);
    const auto size = input_.take(16);
    const auto complement = input_.take(16);
    if (input_.is_truncated()) return InflateProblem::truncated;
    if ((size ^ complement) != 0xffff) return InflateProblem::damaged;
    if (size > input_.rest().size()) return InflateProblem::truncated;
    if (size > output_.size() - written_) return InflateProblem::output_full;
    if (size == 0) return kWell;  // the output may be empty
    std::memcpy(output_.data() + written_, input_.rest().data(), size);
    input_.skip_bytes(size);
    written_ += size;
    return kWell;
  }

  [[nodiscard]] auto fixed() noexcept -> Result {
    std::array<std::uint8_t, kMaxSymbols> lengths;
    for (unsigned symbol = 0; symbol < lengths.size(); ++symbol) {
      lengths[symbol] = symbol < 144 ? 8 : symbol < 256 ? 9 : symbol < 280 ? 7 : 8;
    }
    std::array<std::uint8_t, 32> distances;
    distances.fill(5);
    // Both codes are complete.
    (void)literals_.build(lengths, false);
    (void)distances_.build(distances, false);
    return compressed();
  }

  [[nodiscard]] auto dynamic() noexcept -> Result {
    const auto literal_count = input_.take(5) + kEndOfBlock + 1;
    const auto distance_count = input_.take(5) + 1;
    const auto length_count = input_.take(4) + 4;
    if (literal_count > kMaxLiteralSymbols || distance_count > kMaxDistanceSymbols) return InflateProblem::damaged;

    constexpr std::array<std::uint8_t, 19> kOrder{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15};
    std::array<std::uint8_t, kOrder.size()> length_lengths{};
    for (unsigned i = 0; i < length_count; ++i) length_lengths[kOrder[i]] = static_cast<std::uint8_t>(input_.take(3));
    if (!literals_.build(length_lengths, false)) return damage();

    std::array<std::uint8_t, kMaxLiteralSymbols + kMaxDistanceSymbols> lengths{};
    const auto all = std::span{lengths}.first(literal_count + distance_count);
    if (const auto problem = read_lengths(all)) return problem;
    if (lengths[kEndOfBlock] == 0) return InflateProblem::damaged;
    if (!literals_.build(all.first(literal_count), true)) return InflateProblem::damaged;
    if (!distances_.build(all.subspan(literal_count), true)) return InflateProblem::damaged;
    return compressed();
  }

  // Reads the lengths of both codes, with the code that literals_ contains at this time.
  [[nodiscard]] auto read_lengths(std::span<std::uint8_t> lengths) noexcept -> Result {
    for (std::size_t done = 0; done < lengths.size();) {
      input_.refill();
      const auto symbol = literals_.decode(input_);
      std::uint8_t length = 0;
      std::size_t times = 1;
      if (symbol < 16) {
        length = static_cast<std::uint8_t>(symbol);
      } else if (symbol == 16) {
        if (done == 0) return damage();
        length = lengths[done - 1];
        times = 3 + input_.take(2);
      } else if (symbol == 17) {
        times = 3 + input_.take(3);
      } else {
        times = 11 + input_.take(7);
      }
      if (input_.is_truncated()) return InflateProblem::truncated;
      if (times > lengths.size() - done) return InflateProblem::damaged;
      std::memset(lengths.data() + done, length, times);
      done += times;
    }
    return kWell;
  }

  [[nodiscard]] auto compressed() noexcept -> Result {
    for (;;) {
      input_.refill();
      const auto symbol = literals_.decode(input_);
      if (input_.is_truncated()) return InflateProblem::truncated;
      if (symbol < kEndOfBlock) {
        if (written_ == output_.size()) return InflateProblem::output_full;
        output_[written_++] = static_cast<std::byte>(symbol);
      } else if (symbol == kEndOfBlock) {
        return kWell;
      } else if (symbol >= kMaxLiteralSymbols) {
        return damage();
      } else if (const auto problem = repeat(length_range(symbol - kEndOfBlock - 1))) {
        return problem;
      }
    }
  }

  // Repeats earlier output. The source may overlap the bytes to write.
  [[nodiscard]] auto repeat(Range lengths) noexcept -> Result {
    const auto length = lengths.start + input_.take(lengths.extra_bits);
    const auto symbol = distances_.decode(input_);
    if (symbol >= kMaxDistanceSymbols) return damage();
    const auto distances = distance_range(symbol);
    const auto distance = distances.start + input_.take(distances.extra_bits);
    if (input_.is_truncated()) return InflateProblem::truncated;
    if (distance > written_) return InflateProblem::damaged;
    if (length > output_.size() - written_) return InflateProblem::output_full;
    auto* target = output_.data() + written_;
    for (unsigned i = 0; i < length; ++i) target[i] = *(target + i - distance);
    written_ += length;
    return kWell;
  }

  // Bits after the end are zeros. An error in them means that the input is truncated.
  [[nodiscard]] auto damage() const noexcept -> InflateProblem {
    return input_.is_truncated() || input_.rest().empty() ? InflateProblem::truncated : InflateProblem::damaged;
  }

  std::size_t size_;
  BitReader input_;
  std::span<std::byte> output_;
  std::size_t written_ = 0;
  HuffmanCode literals_;
  HuffmanCode distances_;
};

}  // namespace

auto inflate(std::span<const std::byte> input, std::span<std::byte> output) noexcept
    -> std::expected<Inflated, InflateProblem> {
  return Inflater{input, output}.run();
}

}  // namespace hermitage::loader
