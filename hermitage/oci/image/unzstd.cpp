#include "hermitage/oci/image/unzstd.hpp"

#include <new>
#include <string>
#include <utility>
#include <vector>

#include <zstd.h>

namespace hermitage::oci {
namespace {

constexpr std::size_t kPieceSize = 256 << 10;
constexpr int kMaxWindowLog = 27;

auto fail(std::string text) -> std::unexpected<image::Problem> {
  return std::unexpected{
      image::Problem{.code = image::ProblemCode::damaged_container, .file = {}, .text = std::move(text)}};
}

}  // namespace

struct Unzstd::State {
  State() {
    if (stream == nullptr) throw std::bad_alloc{};
    ::ZSTD_DCtx_setParameter(stream, ZSTD_d_windowLogMax, kMaxWindowLog);
  }
  State(const State&) = delete;
  auto operator=(const State&) -> State& = delete;
  ~State() { ::ZSTD_freeDStream(stream); }

  ZSTD_DStream* stream = ::ZSTD_createDStream();
  ZSTD_inBuffer input{};
  std::vector<std::byte> output = std::vector<std::byte>(kPieceSize);
  bool is_within_frame = false;
  bool is_full = false;  // the output, so that more can come without further input
};

Unzstd::Unzstd(image::Source& source, std::uint64_t limit)
    : source_{source}, limit_{limit}, state_{std::make_unique<State>()} {}

Unzstd::~Unzstd() = default;

auto Unzstd::next() -> std::expected<std::span<const std::byte>, image::Problem> {
  auto& [stream, input, output, is_within_frame, is_full] = *state_;
  ZSTD_outBuffer filled{.dst = output.data(), .size = output.size(), .pos = 0};
  while (filled.pos == 0) {
    if (input.pos == input.size && !is_full) {
      const auto piece = source_.next();
      if (!piece) return piece;
      if (piece->empty() && is_within_frame) return fail("is truncated within its zstd data");
      if (piece->empty()) return *piece;
      input = {.src = piece->data(), .size = piece->size(), .pos = 0};
    }
    const auto result = ::ZSTD_decompressStream(stream, &filled, &input);
    if (::ZSTD_isError(result) != 0) {
      return fail(std::string{"has damaged zstd data: "} + ::ZSTD_getErrorName(result));
    }
    is_within_frame = result != 0;
    is_full = filled.pos == filled.size;
  }
  if (filled.pos > limit_ - done_) return std::unexpected{image::unpacks_to_too_much(limit_)};
  done_ += filled.pos;
  return std::span{output}.first(filled.pos);
}

}  // namespace hermitage::oci
