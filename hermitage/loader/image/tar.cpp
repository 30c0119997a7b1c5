#include "hermitage/loader/image/tar.hpp"

#include <optional>

#include "hermitage/entry/bytes.hpp"
#include "hermitage/entry/image_path.hpp"
#include "hermitage/entry/text.hpp"

namespace hermitage::loader {
namespace {

using entry::is_zero;
using entry::text_of;
using Bytes = std::span<const std::byte>;

constexpr std::size_t kBlock = 512;

constexpr const char* kTruncated = "the image's tar archive is truncated within an entry";
constexpr const char* kDamaged = "the image's tar archive is damaged";
constexpr const char* kSparse = "the image has a sparse file, which this loader does not support";

// A field of a header.
struct Field {
  std::size_t offset;
  std::size_t size;
};
constexpr Field kName{0, 100};
constexpr Field kSize{124, 12};
constexpr Field kChecksum{148, 8};
constexpr std::size_t kType = 156;
constexpr Field kTarget{157, 100};
constexpr Field kMagic{257, 6};
constexpr Field kPrefix{345, 155};

auto until_nul(std::string_view text) noexcept -> std::string_view {
  return text.substr(0, entry::index_of(text, '\0'));
}

auto field_of(Bytes header, Field field) noexcept -> std::string_view {
  return text_of(header.subspan(field.offset, field.size));
}

// An octal number, optionally with spaces before it, and with spaces or NULs after it.
auto octal(std::string_view text) noexcept -> std::optional<std::uint64_t> {
  while (text.starts_with(' ')) text.remove_prefix(1);
  std::uint64_t value = 0;
  bool has_digits = false;
  for (; !text.empty() && text.front() >= '0' && text.front() <= '7'; text.remove_prefix(1)) {
    value = value * 8 + static_cast<std::uint64_t>(text.front() - '0');
    has_digits = true;
  }
  for (const char rest : text) {
    if (rest != ' ' && rest != '\0') return std::nullopt;
  }
  return has_digits ? std::optional{value} : std::nullopt;
}

// Checks the sum of all bytes, with spaces instead of the checksum field.
auto has_right_checksum(Bytes header) noexcept -> bool {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < kBlock; ++i) {
    const bool is_of_sum = i - kChecksum.offset < kChecksum.size;
    sum += is_of_sum ? std::uint64_t{' '} : std::to_integer<std::uint64_t>(header[i]);
  }
  return octal(field_of(header, kChecksum)) == sum;
}

// Removes a number and the character after it, which must be `end`.
auto take_decimal(std::string_view& text, char end) noexcept -> std::optional<std::uint64_t> {
  constexpr std::uint64_t kTooLarge = std::uint64_t{1} << 40;
  std::uint64_t value = 0;
  std::size_t at = 0;
  for (; at < text.size() && text[at] >= '0' && text[at] <= '9' && value < kTooLarge; ++at) {
    value = value * 10 + static_cast<std::uint64_t>(text[at] - '0');
  }
  if (at == 0 || at == text.size() || text[at] != end) return std::nullopt;
  text.remove_prefix(at + 1);
  return value;
}

// Values from entries for the next entry.
struct Announced {
  std::optional<std::string_view> path;
  std::optional<std::string_view> target;
  std::optional<std::uint64_t> size;
};

// Reads pax records: "SIZE KEY=VALUE\n". SIZE is the size of the whole record.
auto read_pax(std::string_view records, Announced& announced) noexcept -> Result<void> {
  while (!records.empty()) {
    auto record = records;
    const auto size = take_decimal(record, ' ');
    const auto digits = records.size() - record.size();
    if (!size || *size > records.size() || *size <= digits || records[*size - 1] != '\n') return failure(kDamaged);
    record = record.substr(0, *size - digits);  // with the "\n"
    records.remove_prefix(*size);
    const auto equals = entry::index_of(record, '=');
    if (equals == record.size()) return failure(kDamaged);
    const auto key = record.substr(0, equals);
    auto value = record.substr(equals + 1);
    if (key.starts_with("GNU.sparse.")) return failure(kSparse);
    if (key == "size") {
      announced.size = take_decimal(value, '\n');
      if (!announced.size) return failure(kDamaged);
      continue;
    }
    value.remove_suffix(1);
    if (key == "path") announced.path = value;
    if (key == "linkpath") announced.target = value;
  }
  return {};
}

auto kind_of(char type) noexcept -> std::optional<TarKind> {
  switch (type) {
    case '\0':
    case '0':
    case '7': return TarKind::regular;
    case '1': return TarKind::hard_link;
    case '2': return TarKind::symbolic_link;
    case '5': return TarKind::directory;
    default: return std::nullopt;
  }
}

auto has_nul(std::string_view text) noexcept -> bool {
  return entry::index_of(text, '\0') != text.size();
}

// Makes an entry from a header, its contents, and the values of previous entries.
auto make_entry(Bytes header, Bytes contents, const Announced& announced, TarEntry& made) noexcept -> Result<void> {
  const char type = static_cast<char>(header[kType]);
  const auto kind = kind_of(type);
  if (!kind) return failure(type == 'S' ? kSparse : "the image has an entry that is not a file, directory or link");
  const auto name = announced.path.value_or(until_nul(field_of(header, kName)));
  // GNU's older format has other fields there, and another magic.
  const bool has_prefix = !announced.path && field_of(header, kMagic) == std::string_view{"ustar\0", 6};
  const auto prefix = has_prefix ? until_nul(field_of(header, kPrefix)) : std::string_view{};
  const auto target = announced.target.value_or(until_nul(field_of(header, kTarget)));
  if (has_nul(name) || has_nul(target)) return failure("the image has an entry with a NUL in its name");
  const auto shape = entry::shape_of(name);
  const auto prefix_shape = entry::shape_of(prefix);
  if (shape.goes_up || prefix_shape.goes_up) {
    return failure("the image has an entry with '..' in its name");
  }
  if (shape.is_too_long || shape.names + prefix_shape.names > entry::kMaxDepth) {
    return failure("the image has an entry whose name is too long, or nested deeper than 256 directories");
  }
  made = {.kind = *kind, .path = PathNames{name, prefix}, .target = target, .contents = contents};
  if (made.kind == TarKind::regular && name.ends_with('/')) made.kind = TarKind::directory;
  if (made.kind != TarKind::regular && !contents.empty()) {
    return failure("the image has a directory or link with contents, which this loader does not support");
  }
  return {};
}

}  // namespace

auto PathNames::next() noexcept -> std::string_view {
  for (auto& piece : pieces_) {
    for (auto name = entry::take_name(piece); !name.empty(); name = entry::take_name(piece)) {
      if (name != ".") return name;
    }
  }
  return {};
}

auto TarReader::next() noexcept -> Result<bool> {
  Announced announced;
  for (bool is_announced = false;; is_announced = true) {
    const auto rest = archive_.subspan(position_);
    if (rest.size() < kBlock) {
      if (rest.empty() && !is_announced) return false;
      return failure(kTruncated);
    }
    const auto header = rest.first(kBlock);
    if (is_zero(header)) {
      if (is_announced) return failure(kTruncated);
      if (!is_zero(rest)) return failure("the image has data after its tar archive");
      position_ = archive_.size();
      return false;
    }
    if (!has_right_checksum(header)) return failure(kDamaged);
    const char type = static_cast<char>(header[kType]);
    const bool announces = type == 'x' || type == 'X' || type == 'L' || type == 'K' || type == 'g';
    auto size = octal(field_of(header, kSize));
    if (!announces && announced.size) size = announced.size;
    if (!size) return failure(kDamaged);
    const auto padded = entry::checked_align_up(*size, kBlock);
    if (!padded || *padded > rest.size() - kBlock) return failure(kTruncated);
    const auto contents = rest.subspan(kBlock, *size);
    position_ += kBlock + *padded;
    if (!announces) {
      if (const auto made = make_entry(header, contents, announced, entry_); !made)
        return std::unexpected{made.error()};
      return true;
    }
    // 'g' entries describe the whole archive and are ignored.
    if (type == 'L') announced.path = until_nul(text_of(contents));
    if (type == 'K') announced.target = until_nul(text_of(contents));
    if (type == 'x' || type == 'X') {
      if (const auto read = read_pax(text_of(contents), announced); !read) return std::unexpected{read.error()};
    }
  }
}

}  // namespace hermitage::loader
