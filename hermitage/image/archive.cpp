#include "hermitage/image/archive.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>
#include <utility>
#include <vector>

#include <archive.h>
#include <archive_entry.h>
#include <locale.h>  // NOLINT(modernize-deprecated-headers): uselocale
#include <sys/stat.h>
#include <clocale>

#include "hermitage/entry/format.hpp"
#include "hermitage/image/format_problem.hpp"
#include "hermitage/image/gunzip.hpp"

namespace hermitage::image {
namespace {

// libarchive converts names between the character sets of the archive and of the locale. In the locale "C", it does not
// convert names that are not ASCII, whatever locale the program uses.
class PlainLocale {
 public:
  PlainLocale() : plain_{::newlocale(LC_ALL_MASK, "C", nullptr)}, previous_{::uselocale(plain_)} {}
  PlainLocale(const PlainLocale&) = delete;
  auto operator=(const PlainLocale&) -> PlainLocale& = delete;
  ~PlainLocale() {
    ::uselocale(previous_);
    ::freelocale(plain_);
  }

 private:
  locale_t plain_;
  locale_t previous_;
};

auto kind_of(::archive_entry* entry) -> EntryKind {
  if (::archive_entry_hardlink(entry) != nullptr) return EntryKind::hard_link;
  switch (::archive_entry_filetype(entry)) {
    case AE_IFREG: return EntryKind::regular;
    case AE_IFDIR: return EntryKind::directory;
    case AE_IFLNK: return EntryKind::symbolic_link;
    case AE_IFIFO: return EntryKind::fifo;
    case AE_IFCHR:
    case AE_IFBLK: return EntryKind::device;
    default: return EntryKind::other;
  }
}

auto text_or_empty(const char* text) -> std::string {
  return text == nullptr ? std::string{} : std::string{text};
}

auto is_zero(std::span<const std::byte> bytes) -> bool {
  // Each byte is that before it, and the first is zero.
  return bytes.empty() ||
         (bytes[0] == std::byte{} && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0);
}

}  // namespace

struct ArchiveReader::State {
  State(Source& source_to_read, std::unique_ptr<Unpacker> unpacker_of_source, Progress progress_to_tell)
      : source{source_to_read},
        progress{std::move(progress_to_tell)},
        unpacker{std::move(unpacker_of_source)},
        archive{::archive_read_new()} {
    if (archive == nullptr) throw std::bad_alloc{};
  }
  State(const State&) = delete;
  auto operator=(const State&) -> State& = delete;
  ~State() { ::archive_read_free(archive); }

  // Called by libarchive for more data. Exceptions must not pass through libarchive; errors of the source are kept
  // here.
  static auto read_callback(::archive* archive, void* data, const void** buffer) noexcept -> la_ssize_t {
    auto& state = *static_cast<State*>(data);
    state.piece = state.unpacker->next();
    if (state.progress) state.progress(state.source.done(), state.source.total());
    if (!state.piece) {
      ::archive_set_error(archive, EIO, "no more");
      return -1;
    }
    if (state.beginning.empty()) {
      const auto beginning = state.piece->first(std::min(state.piece->size(), entry::kFormatBytes));
      state.beginning.assign(beginning.begin(), beginning.end());
    }
    *buffer = state.piece->data();
    return static_cast<la_ssize_t>(state.piece->size());
  }

  // The error of the source, or else of the archive.
  [[nodiscard]] auto problem(std::string text) const -> std::unexpected<Problem> {
    if (!piece) return std::unexpected{piece.error()};
    if (const auto* why = ::archive_error_string(archive)) text += ": " + std::string{why};
    return std::unexpected{Problem{.code = ProblemCode::damaged_archive, .file = name, .text = std::move(text)}};
  }

  Source& source;
  Progress progress;
  std::unique_ptr<Unpacker> unpacker;
  std::expected<std::span<const std::byte>, Problem> piece;  // the last data that libarchive got
  ::archive* archive;
  bool is_gzip = false;
  bool is_open = false;
  std::vector<std::byte> beginning;  // of the archive
  // The current entry, the next block of its bytes, and the offset of the block in the entry.
  std::string name;
  std::uint64_t size = 0;
  bool has_bytes_left = false;
  std::span<const std::byte> block;
  std::uint64_t block_offset = 0;
};

ArchiveReader::ArchiveReader(Source& source, const Limits& limits, Progress progress)
    : ArchiveReader{source, std::make_unique<Gunzip>(source, limits.unpacked_size), std::move(progress)} {
  state_->is_gzip = true;
}

ArchiveReader::ArchiveReader(Source& source, std::unique_ptr<Unpacker> unpacker, Progress progress)
    : state_{std::make_unique<State>(source, std::move(unpacker), std::move(progress))} {
  ::archive_read_support_format_tar(state_->archive);
}

ArchiveReader::~ArchiveReader() = default;

// Reads the next block into `block`. Returns false at the end of the entry.
auto ArchiveReader::next_block() -> std::expected<bool, Problem> {
  const PlainLocale locale;
  auto& state = *state_;
  const void* data = nullptr;
  std::size_t size = 0;
  la_int64_t offset = 0;
  const int result = ::archive_read_data_block(state.archive, &data, &size, &offset);
  if (result == ARCHIVE_EOF) return false;
  if (result != ARCHIVE_OK && result != ARCHIVE_WARN) return state.problem("is truncated or malformed");
  state.block = {static_cast<const std::byte*>(data), size};
  state.block_offset = static_cast<std::uint64_t>(offset);
  return true;
}

// Passes on the remaining blocks of the entry, in order, up to its size.
template <class Use>
auto ArchiveReader::read_blocks(Use use) -> std::expected<void, Problem> {
  auto& state = *state_;
  std::uint64_t filled = 0;
  while (state.has_bytes_left) {
    if (state.block.empty()) {
      const auto block = next_block();
      if (!block) return std::unexpected{block.error()};
      state.has_bytes_left = *block;
      continue;
    }
    const auto block = std::exchange(state.block, {});
    const auto offset = state.block_offset;
    if (offset < filled || offset > state.size || block.size() > state.size - offset) {
      return state.problem("has more data than its header declares");
    }
    use(offset, block);
    filled = offset + block.size();
  }
  return {};
}

auto ArchiveReader::next() -> std::expected<std::optional<Entry>, Problem> {
  // Skipped bytes are read as well, so that the validity of an archive does not depend on what is requested.
  if (auto passed = read_blocks([](std::uint64_t, std::span<const std::byte>) {}); !passed) {
    return std::unexpected{std::move(passed.error())};
  }
  const PlainLocale locale;
  auto& state = *state_;
  state.name.clear();
  if (!std::exchange(state.is_open, true)) {
    if (::archive_read_open(state.archive, &state, nullptr, State::read_callback, nullptr) != ARCHIVE_OK) {
      auto found = state.problem("is not a tar archive").error();
      if (found.code != ProblemCode::damaged_archive || !state.is_gzip) return std::unexpected{std::move(found)};
      return std::unexpected{not_tar(state.beginning, std::move(found.text))};
    }
  }
  ::archive_entry* entry = nullptr;
  const int result = ::archive_read_next_header(state.archive, &entry);
  if (result == ARCHIVE_EOF) {
    if (auto ended = read_to_end(); !ended) return std::unexpected{std::move(ended.error())};
    return std::nullopt;
  }
  // Warnings of libarchive do not matter here, for example about a name that is not valid in the locale.
  if (result != ARCHIVE_OK && result != ARCHIVE_WARN) return state.problem("is not a whole tar archive");
  state.name = text_or_empty(::archive_entry_pathname(entry));

  Entry found{.name = state.name, .kind = kind_of(entry), .link_target = {}};
  found.mode = ::archive_entry_perm(entry) & (S_IRWXU | S_IRWXG | S_IRWXO);
  if (found.kind == EntryKind::regular) {
    const auto size = ::archive_entry_size(entry);
    if (size < 0) return state.problem("has a negative size");
    found.size = static_cast<std::uint64_t>(size);
    state.size = found.size;
    state.has_bytes_left = true;
  }
  if (found.kind == EntryKind::hard_link) found.link_target = text_or_empty(::archive_entry_hardlink(entry));
  if (found.kind == EntryKind::symbolic_link) found.link_target = text_or_empty(::archive_entry_symlink(entry));
  return found;
}

auto ArchiveReader::peek() -> std::expected<std::span<const std::byte>, Problem> {
  if (state_->block.empty()) {
    if (auto block = next_block(); !block) return std::unexpected{std::move(block.error())};
  }
  return state_->block_offset == 0 ? state_->block : std::span<const std::byte>{};
}

auto ArchiveReader::read(std::span<std::byte> contents) -> std::expected<void, Problem> {
  // Bytes between the blocks of a sparse file are zero.
  std::size_t filled = 0;
  const auto zeros_to = [&](std::size_t end) {
    std::ranges::fill(contents.subspan(filled, end - filled), std::byte{});
    filled = end;
  };
  auto read = read_blocks([&](std::uint64_t offset, std::span<const std::byte> block) {
    zeros_to(offset);
    std::memcpy(contents.data() + offset, block.data(), block.size());
    filled += block.size();
  });
  if (read) zeros_to(contents.size());
  return read;
}

// Only zeros follow the last entry, and the gzip data are complete.
auto ArchiveReader::read_to_end() -> std::expected<void, Problem> {
  auto& state = *state_;
  if (!state.piece) return std::unexpected{state.piece.error()};
  const auto consumed = static_cast<std::uint64_t>(::archive_filter_bytes(state.archive, 0));
  const auto left = std::min<std::uint64_t>(state.unpacker->done() - consumed, state.piece->size());
  auto rest = state.piece->last(left);
  for (;;) {
    if (!is_zero(rest)) {
      return std::unexpected{
          Problem{.code = ProblemCode::trailing_data, .file = {}, .text = "has data after its tar archive"}};
    }
    auto piece = state.unpacker->next();
    if (!piece) return std::unexpected{std::move(piece.error())};
    if (piece->empty()) return {};
    rest = *piece;
  }
}

auto ArchiveReader::offset_of_bytes() const -> std::uint64_t {
  return static_cast<std::uint64_t>(::archive_filter_bytes(state_->archive, 0));
}

auto ArchiveReader::unpacked_size() const -> std::uint64_t {
  return state_->unpacker->done();
}

auto read_contents(ArchiveReader& reader, File& file) -> std::expected<void, Problem> {
  const auto size = static_cast<std::size_t>(file.size);
  auto contents = std::make_shared_for_overwrite<std::byte[]>(size);
  if (auto read = reader.read({contents.get(), size}); !read) return read;
  file.contents = std::move(contents);
  return {};
}

}  // namespace hermitage::image
