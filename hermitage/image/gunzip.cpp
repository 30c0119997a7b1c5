#include "hermitage/image/gunzip.hpp"

#include <new>
#include <string>
#include <utility>
#include <vector>

#include <zlib.h>

#include "hermitage/image/format_problem.hpp"

namespace hermitage::image {
namespace {

auto fail(ProblemCode code, std::string text) -> std::unexpected<Problem> {
  return std::unexpected{Problem{.code = code, .file = {}, .text = std::move(text)}};
}

}  // namespace

struct Gunzip::State {
  z_stream stream{};
  std::vector<std::byte> output = std::vector<std::byte>(kPieceSize);
  bool is_within_member = false;
  bool is_first_member = true;
  bool is_behind_members = false;
};

Gunzip::Gunzip(Source& source, std::uint64_t limit)
    : source_{source}, limit_{limit}, state_{std::make_unique<State>()} {
  constexpr int kGzipOnly = 16;
  if (::inflateInit2(&state_->stream, MAX_WBITS + kGzipOnly) != Z_OK) throw std::bad_alloc{};
}

Gunzip::~Gunzip() {
  ::inflateEnd(&state_->stream);
}

// Returns false at the end of the input.
auto Gunzip::refill_input() -> std::expected<bool, Problem> {
  auto& stream = state_->stream;
  if (stream.avail_in != 0) return true;
  const auto piece = source_.next();
  if (!piece) return std::unexpected{piece.error()};
  // zlib takes what it does not write to as not const, unless told otherwise.
  stream.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(piece->data()));
  stream.avail_in = static_cast<uInt>(piece->size());
  return !piece->empty();
}

// Checks the data between and after members. Skips zeros after the last one.
auto Gunzip::check_between_members() -> std::expected<void, Problem> {
  constexpr Bytef kFirstMagicByte = 0x1f;
  auto& stream = state_->stream;
  if (state_->is_first_member) {
    if (*stream.next_in == kFirstMagicByte) return {};
    return std::unexpected{not_gzip({reinterpret_cast<const std::byte*>(stream.next_in), stream.avail_in})};
  }
  if (!state_->is_behind_members && *stream.next_in == kFirstMagicByte) return {};
  state_->is_behind_members = true;
  for (; stream.avail_in != 0 && *stream.next_in == 0; ++stream.next_in) --stream.avail_in;
  if (stream.avail_in == 0) return {};
  return fail(ProblemCode::trailing_data, "has data after its gzip data");
}

// Returns the number of bytes of output; fewer than the buffer has only at the end.
auto Gunzip::fill() -> std::expected<std::size_t, Problem> {
  auto& stream = state_->stream;
  stream.next_out = reinterpret_cast<Bytef*>(state_->output.data());
  stream.avail_out = kPieceSize;
  while (stream.avail_out != 0) {
    const auto has_input = refill_input();
    if (!has_input) return std::unexpected{has_input.error()};
    if (!*has_input) {
      if (!state_->is_within_member && !state_->is_first_member) break;
      if (!state_->is_within_member) return fail(ProblemCode::not_gzip, "is empty");
      return fail(ProblemCode::truncated_gzip, "is truncated within its gzip data");
    }
    if (!state_->is_within_member) {
      if (auto checked = check_between_members(); !checked) return std::unexpected{std::move(checked.error())};
      if (stream.avail_in == 0) continue;
    }
    state_->is_within_member = true;
    const int result = ::inflate(&stream, Z_NO_FLUSH);
    if (result == Z_MEM_ERROR) throw std::bad_alloc{};
    if (result == Z_STREAM_END) {
      ::inflateReset(&stream);
      state_->is_within_member = false;
      state_->is_first_member = false;
    } else if (result != Z_OK) {
      return fail(ProblemCode::damaged_gzip,
                  std::string{"has damaged gzip data"} + (stream.msg == nullptr ? "" : std::string{": "} + stream.msg));
    }
  }
  return kPieceSize - stream.avail_out;
}

auto Gunzip::next() -> std::expected<std::span<const std::byte>, Problem> {
  const auto count = fill();
  if (!count) return std::unexpected{count.error()};
  if (*count > limit_ - done_) return std::unexpected{unpacks_to_too_much(limit_)};
  done_ += *count;
  return std::span{state_->output}.first(*count);
}

auto gunzip(std::span<const std::byte> bytes, std::uint64_t limit) -> std::expected<std::vector<std::byte>, Problem> {
  MemorySource source{bytes};
  Gunzip pieces{source, limit};
  std::vector<std::byte> result;
  for (;;) {
    const auto piece = pieces.next();
    if (!piece) return std::unexpected{piece.error()};
    if (piece->empty()) return result;
    result.insert(result.end(), piece->begin(), piece->end());
  }
}

}  // namespace hermitage::image
