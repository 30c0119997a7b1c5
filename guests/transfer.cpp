// For benchmarks: `transfer read
// write FILE SIZE COUNT` reads or writes COUNT pieces of SIZE bytes, at most 1 MiB each, in sequence. It prints the
// average time of a piece, in ticks of the machine's counter. The file must exist and, for `read`, be large enough.
//
// The buffer's address moves by one page, kPlaces times: if a page of the file and one of the buffer share an entry
// of a cache or TLB, a copy can take 50% longer. With a single address, this would affect all pieces or none.
#include <array>
#include <span>

#include "guests/runtime/guest.hpp"
#include "guests/runtime/monitor.hpp"
#include "guests/runtime/ticks.hpp"

namespace {

namespace monitor = guest::monitor;
namespace uhyve = guest::monitor::uhyve;
namespace v1 = hermitage::kernel::v1;
namespace v2 = hermitage::kernel::v2;

constexpr std::int64_t kMaxSize = std::int64_t{1} << 20;
constexpr std::uint64_t kPageSize = 4096;
constexpr std::uint64_t kPlaces = 16;

alignas(kPageSize) std::array<std::byte, kMaxSize + (kPlaces - 1) * kPageSize> buffer;

auto number_in_argument(std::size_t index, std::int64_t most) -> std::uint64_t {
  const auto argument = guest::argument(index);
  const auto number = argument ? guest::number(*argument) : 0;
  if (!number || *number < 0 || *number > most) guest::fail("usage: transfer read|write FILE SIZE COUNT");
  return static_cast<std::uint64_t>(*number);
}

// The name with a final NUL, which an argument may lack.
auto name_in_argument(std::size_t index) -> const char* {
  static constinit std::array<char, 256> name{};
  const auto argument = guest::argument(index).value_or("");
  if (argument.size() >= name.size()) guest::fail("the file's name is too long");
  std::size_t size = 0;
  for (const char character : argument) name[size++] = character;
  return name.data();
}

// Makes this many calls, and nothing else: the parameters are written before, and the results are checked after. With
// this order of function parameters, the loop needs no moves between registers and has three instructions.
template <class Params, class Call>
[[gnu::noinline]] void make_calls(std::uint64_t count, const Params& params, Call call) {
  using v1::hypercall;
  using v2::hypercall;
  for (; count > 0; --count) hypercall(call, params);
}

// The total time of this many calls, in ticks.
template <class Call, class Params>
auto measure(Call call, const Params& params, std::uint64_t count) -> std::uint64_t {
  const auto begin = guest::ticks();
  make_calls(count, params, call);
  return guest::ticks() - begin;
}

auto measure(bool writes, std::int32_t fd, std::span<std::byte> piece, std::uint64_t count) -> std::uint64_t {
  const auto buf = hermitage::kernel::gpa_of(piece.data());
  const auto size = piece.size();
  if (guest::interface == 1) {
    return writes ? measure(v1::Hypercall::write, uhyve::v1::WriteParams{.fd = fd, .buf = buf, .len = size}, count)
                  : measure(v1::Hypercall::read, uhyve::v1::ReadParams{.fd = fd, .buf = buf, .len = size, .ret = 0},
                            count);
  }
  return writes
             ? measure(v2::Hypercall::write, uhyve::v2::WriteParams{.len = size, .ret = 0, .buf = buf, .fd = fd}, count)
             : measure(v2::Hypercall::read, uhyve::v2::ReadParams{.len = size, .ret = 0, .buf = buf, .fd = fd}, count);
}

auto measure_at_each_place(bool writes, std::int32_t fd, std::uint64_t size, std::uint64_t count) -> std::uint64_t {
  std::uint64_t total = 0;
  for (std::uint64_t place = 0; place < kPlaces; ++place) {
    const auto share = count * (place + 1) / kPlaces - count * place / kPlaces;
    total += measure(writes, fd, std::span{buffer}.subspan(place * kPageSize, size), share);
  }
  return total;
}

}  // namespace

auto guest_main() -> int {
  if (!guest::has_monitor()) guest::fail("transfer needs a monitor");
  const bool writes = guest::argument(0) == "write";
  const auto size = number_in_argument(2, kMaxSize);
  const auto count = number_in_argument(3, INT64_MAX / kPlaces);
  const int fd = monitor::open(name_in_argument(1), writes ? uhyve::kOpenWriteOnly : uhyve::kOpenReadOnly);
  if (fd < 0) guest::fail("the file cannot be opened");

  // Touch the memory before the measurement.
  for (std::size_t i = 0; i < buffer.size(); i += kPageSize) buffer[i] = std::byte{1};
  const auto total = measure_at_each_place(writes, fd, size, count);
  if (static_cast<std::uint64_t>(monitor::lseek(fd, 0, uhyve::kSeekCurrent)) != count * size) {
    guest::fail("not every piece was transferred whole");
  }
  if (count > 0) {
    guest::Line line;
    line.append_decimal(count).append(writes ? " writes of " : " reads of ").append_decimal(size);
    guest::print_line(line.append(" bytes: ").append_decimal(total / count).append(" ticks each"));
  }
  return 0;
}
