// Copies the parameters of hypercalls from and to the guest memory. Only for the sources of Hypercalls.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <type_traits>
#include <utility>

#include <fmt/format.h>

#include "hermitage/entry/uhyve_interface.hpp"
#include "hermitage/vmm/files/file_result.hpp"
#include "hermitage/vmm/hypercalls/hypercalls.hpp"

namespace hermitage::vmm {

inline constexpr std::int32_t kStandardInput = 0;
inline constexpr std::int32_t kStandardOutput = 1;
inline constexpr std::int32_t kStandardError = 2;

// The maximum number of bytes that Linux reads or writes in one call.
inline constexpr std::uint64_t kMaxTransfer = 0x7fff'f000;
// The part of a transfer that is one system call, in bytes. Nothing interrupts it; it lasts a few milliseconds.
inline constexpr std::uint64_t kPieceSize = std::uint64_t{16} << 20;

[[nodiscard]] inline auto negative(Errno error) -> std::int32_t {
  return -std::to_underlying(error);
}

// The value of a `ret` field: the result, or the negative error number.
template <class Value>
[[nodiscard]] auto ret_of(const FileResult<Value>& result) -> std::int64_t {
  if constexpr (std::is_void_v<Value>) {
    return result ? 0 : negative(result.error());
  } else {
    return result ? static_cast<std::int64_t>(*result) : negative(result.error());
  }
}

// Sets the fields of a tagged result.
template <class Params, class Value>
void set_result(Params& params, const FileResult<Value>& result) {
  params.tag = result ? entry::uhyve::v2::ResultTag::success : entry::uhyve::v2::ResultTag::error;
  params.error = result ? 0 : std::to_underlying(result.error());
}

template <class Params, class Answer>
auto Hypercalls::with_params(std::uint64_t address, Answer&& answer) -> AccessOutcome {
  auto params = environment_.memory.read<std::remove_const_t<Params>>({address});
  if (!params) {
    return GuestFault{fmt::format("its parameters are at {:#x}, outside of its memory", address)};
  }
  if constexpr (std::is_void_v<std::invoke_result_t<Answer, Params&>>) {
    std::forward<Answer>(answer)(static_cast<Params&>(*params));
  } else {
    return std::forward<Answer>(answer)(static_cast<Params&>(*params));
  }
  if constexpr (!std::is_const_v<Params>) {
    // The address was readable, so it is writable.
    [[maybe_unused]] const auto written = environment_.memory.write({address}, *params);
  }
  return Resume{};
}

template <class... Values>
void Hypercalls::trace(std::string_view format, const Values&... values) const {
  if (environment_.trace) environment_.trace(fmt::format(fmt::runtime(format), values...));
}

template <class Transfer>
auto Hypercalls::in_pieces(const iovec& buffer, const Transfer& transfer) const -> FileResult<std::uint64_t> {
  std::uint64_t total = 0;
  do {
    const iovec piece{.iov_base = static_cast<std::byte*>(buffer.iov_base) + total,
                      .iov_len = std::min<std::uint64_t>(buffer.iov_len - total, kPieceSize)};
    const FileResult<std::uint64_t> result = transfer(Buffers{&piece, 1});
    if (!result && total == 0) return result;
    if (!result) break;
    total += *result;
    if (*result < piece.iov_len) break;
  } while (total < buffer.iov_len && continues());
  return total;
}

}  // namespace hermitage::vmm
