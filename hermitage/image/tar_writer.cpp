#include "hermitage/image/tar_writer.hpp"

#include <algorithm>
#include <array>
#include <new>
#include <numeric>
#include <optional>
#include <string_view>
#include <utility>

#include <zlib.h>

namespace hermitage::image {
namespace {

constexpr std::size_t kBlockSize = 512;

struct Field {
  std::size_t offset;
  std::size_t size;
};

// The header of POSIX.1-1988.
constexpr Field kName{0, 100};
constexpr Field kMode{100, 8};
constexpr Field kUser{108, 8};
constexpr Field kGroup{116, 8};
constexpr Field kSize{124, 12};
constexpr Field kTime{136, 12};
constexpr Field kChecksum{148, 8};
constexpr Field kType{156, 1};
constexpr Field kLinkTarget{157, 100};
constexpr Field kMagic{257, 8};
constexpr Field kPrefix{345, 155};

constexpr char kRegular = '0';
constexpr char kHardLink = '1';
constexpr char kSymbolicLink = '2';
constexpr char kDirectory = '5';
constexpr char kPaxHeader = 'x';

// The largest number that a size field holds, in octal digits.
constexpr std::uint64_t kMaxSize = (std::uint64_t{1} << 33) - 1;

using Block = std::array<char, kBlockSize>;

void put(Block& block, Field field, std::string_view text) {
  std::ranges::copy(text.substr(0, field.size), block.begin() + static_cast<std::ptrdiff_t>(field.offset));
}

// Writes octal digits that fill the field, followed by a NUL.
void put_number(Block& block, Field field, std::uint64_t number) {
  for (auto at = field.offset + field.size - 1; at-- > field.offset; number >>= 3) {
    block[at] = static_cast<char>('0' + (number & 7));
  }
}

struct SplitName {
  std::string_view prefix;
  std::string_view name;
};

// A name in the form of the header: in one field, or split at a slash. Nothing for one that does not fit.
auto split_name(std::string_view name) -> std::optional<SplitName> {
  if (name.size() <= kName.size) return SplitName{.prefix = {}, .name = name};
  // The slash at the end of a directory's name cannot be the split.
  const auto slash = name.find('/', name.size() - kName.size - 1);
  if (slash == std::string_view::npos || slash > kPrefix.size || slash + 1 == name.size()) return std::nullopt;
  return SplitName{.prefix = name.substr(0, slash), .name = name.substr(slash + 1)};
}

// "LENGTH KEY=VALUE\n", where the length counts its own digits.
auto pax_record(std::string_view key, std::string_view value) -> std::string {
  const auto size_without_length = key.size() + value.size() + 3;
  auto size = size_without_length;
  while (size != size_without_length + std::to_string(size).size()) {
    size = size_without_length + std::to_string(size).size();
  }
  return std::to_string(size).append(" ").append(key).append("=").append(value).append("\n");
}

auto type_of(FileKind kind) -> char {
  switch (kind) {
    case FileKind::directory: return kDirectory;
    case FileKind::symbolic_link: return kSymbolicLink;
    case FileKind::regular: break;
  }
  return kRegular;
}

auto bytes_of(std::string_view text) -> std::span<const std::byte> {
  return std::as_bytes(std::span{text});
}

}  // namespace

struct TarWriter::State {
  Sink sink;
  Compression compression = Compression::gzip;
  z_stream stream{};
  std::vector<std::byte> output = std::vector<std::byte>(std::size_t{128} << 10);
  std::uint64_t written = 0;  // bytes of the archive
};

TarWriter::TarWriter(Sink sink, Compression compression) : state_{std::make_unique<State>()} {
  constexpr int kGzip = 16;
  constexpr int kMemoryLevel = 8;  // zlib's default
  state_->sink = std::move(sink);
  state_->compression = compression;
  if (compression == Compression::none) return;
  const int level = compression == Compression::stored ? Z_NO_COMPRESSION : Z_DEFAULT_COMPRESSION;
  if (::deflateInit2(&state_->stream, level, Z_DEFLATED, MAX_WBITS + kGzip, kMemoryLevel, Z_DEFAULT_STRATEGY) != Z_OK) {
    throw std::bad_alloc{};
  }
}

TarWriter::~TarWriter() {
  if (state_->compression != Compression::none) ::deflateEnd(&state_->stream);
}

auto TarWriter::compress(std::span<const std::byte> bytes, int flush) -> bool {
  if (state_->compression == Compression::none) return state_->sink(bytes);
  auto& stream = state_->stream;
  auto& output = state_->output;
  // zlib takes what it does not write to as not const, unless told otherwise.
  stream.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  do {
    stream.next_out = reinterpret_cast<Bytef*>(output.data());
    stream.avail_out = static_cast<uInt>(output.size());
    ::deflate(&stream, flush);
    if (!state_->sink(std::span{output}.first(output.size() - stream.avail_out))) return false;
  } while (stream.avail_out == 0);
  return true;
}

auto TarWriter::write(std::span<const std::byte> bytes) -> bool {
  constexpr std::size_t kPieceSize = std::size_t{1} << 20;  // well below what zlib can count
  while (!bytes.empty()) {
    const auto piece = bytes.first(std::min(bytes.size(), kPieceSize));
    if (!compress(piece, Z_NO_FLUSH)) return false;
    state_->written += piece.size();
    bytes = bytes.subspan(piece.size());
  }
  return true;
}

auto TarWriter::pad() -> bool {
  constexpr Block kZeros{};
  const auto beyond = state_->written % kBlockSize;
  return beyond == 0 || write(bytes_of({kZeros.data(), kBlockSize - beyond}));
}

auto TarWriter::write_header(const std::string& name, char type, std::uint32_t mode, std::uint64_t size,
                             const std::string& link_target) -> bool {
  // Values that do not fit are in the preceding pax header, and truncated here.
  const auto split = split_name(name).value_or(SplitName{.prefix = {}, .name = name});
  Block block{};
  put(block, kName, split.name);
  put_number(block, kMode, mode);
  put_number(block, kUser, 0);
  put_number(block, kGroup, 0);
  put_number(block, kSize, std::min(size, kMaxSize));
  put_number(block, kTime, 0);
  put(block, kChecksum, "        ");
  put(block, kType, {&type, 1});
  put(block, kLinkTarget, link_target);
  put(block, kMagic, std::string_view{"ustar\00000", kMagic.size});
  put(block, kPrefix, split.prefix);
  const auto checksum = std::accumulate(block.begin(), block.end(), std::uint64_t{0},
                                        [](std::uint64_t sum, char c) { return sum + static_cast<unsigned char>(c); });
  // Six digits, a NUL, and the space that is already there.
  put_number(block, {.offset = kChecksum.offset, .size = kChecksum.size - 1}, checksum);
  block[kChecksum.offset + kChecksum.size - 2] = '\0';
  return write(bytes_of({block.data(), block.size()}));
}

auto TarWriter::write_pax_header(const std::string& records) -> bool {
  constexpr std::uint32_t kPaxMode = 0644;
  return write_header("PaxHeader", kPaxHeader, kPaxMode, records.size(), {}) && write(bytes_of(records)) && pad();
}

auto TarWriter::add(const File& file) -> bool {
  return add(file, type_of(file.kind), file.size, file.link_target);
}

auto TarWriter::add_hard_link(const File& file, const std::string& target) -> bool {
  return add(file, kHardLink, 0, target);
}

auto TarWriter::add(const File& file, char type, std::uint64_t size, const std::string& target) -> bool {
  const auto name = file.kind == FileKind::directory ? file.path + "/" : file.path;
  std::string records;
  if (!split_name(name)) records += pax_record("path", name);
  if (target.size() > kLinkTarget.size) records += pax_record("linkpath", target);
  if (size > kMaxSize) records += pax_record("size", std::to_string(size));
  if (!records.empty() && !write_pax_header(records)) return false;
  return write_header(name, type, file.mode, size, target);
}

auto TarWriter::finish() -> bool {
  constexpr std::array<char, 2 * kBlockSize> kEnd{};
  return write(bytes_of({kEnd.data(), kEnd.size()})) && compress({}, Z_FINISH);
}

auto TarWriter::unpacked_size() const -> std::uint64_t {
  return state_->written;
}

}  // namespace hermitage::image
