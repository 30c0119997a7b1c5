// For benchmarks: `transfer read|write FILE SIZE COUNT` reads or writes so many pieces of so many bytes, at most 1 MiB
// each, one behind the other, and prints what each took on average, in ticks of the machine's counter. The file has to
// be there; to be read, it has to be large enough.
#include <array>

#include "guests/runtime/guest.hpp"
#include "guests/runtime/monitor.hpp"

namespace {

namespace monitor = guest::monitor;
namespace uhyve = guest::monitor::uhyve;
namespace v1 = hermitage::kernel::v1;
namespace v2 = hermitage::kernel::v2;

constexpr std::int64_t kMaxSize = std::int64_t{1} << 20;

alignas(4096) std::array<std::byte, kMaxSize> buffer;

auto ticks() -> std::uint64_t {
  std::uint32_t low;
  std::uint32_t high;
  asm volatile("rdtsc" : "=a"(low), "=d"(high));
  return static_cast<std::uint64_t>(high) << 32 | low;
}

auto number_in_argument(std::size_t index, std::int64_t most) -> std::uint64_t {
  const auto argument = guest::argument(index);
  const auto number = argument ? guest::number(*argument) : 0;
  if (!number || *number < 0 || *number > most) guest::fail("usage: transfer read|write FILE SIZE COUNT");
  return static_cast<std::uint64_t>(*number);
}

// The name with a NUL behind it, which an argument need not have.
auto name_in_argument(std::size_t index) -> const char* {
  static constinit std::array<char, 256> name{};
  const auto argument = guest::argument(index).value_or("");
  if (argument.size() >= name.size()) guest::fail("the file's name is too long");
  std::size_t size = 0;
  for (const char character : argument) name[size++] = character;
  return name.data();
}

// How long so many calls take together, in ticks. What they say is written beforehand, and what became of them looked
// at afterwards, so that the guest itself takes as little of the time as it can.
template <class Call, class Params>
[[gnu::noinline]] auto measure(Call call, const Params& params, std::uint64_t count) -> std::uint64_t {
  using v1::hypercall;
  using v2::hypercall;
  const auto begin = ticks();
  for (auto left = count; left > 0; --left) hypercall(call, params);
  return ticks() - begin;
}

auto measure(bool writes, std::int32_t fd, std::uint64_t size, std::uint64_t count) -> std::uint64_t {
  const auto buf = hermitage::kernel::gpa_of(buffer.data());
  if (guest::interface == 1) {
    return writes ? measure(v1::Hypercall::write, uhyve::v1::WriteParams{.fd = fd, .buf = buf, .len = size}, count)
                  : measure(v1::Hypercall::read, uhyve::v1::ReadParams{.fd = fd, .buf = buf, .len = size, .ret = 0},
                            count);
  }
  return writes
             ? measure(v2::Hypercall::write, uhyve::v2::WriteParams{.len = size, .ret = 0, .buf = buf, .fd = fd}, count)
             : measure(v2::Hypercall::read, uhyve::v2::ReadParams{.len = size, .ret = 0, .buf = buf, .fd = fd}, count);
}

}  // namespace

auto guest_main() -> int {
  if (!guest::has_monitor()) guest::fail("transfer needs a monitor");
  const bool writes = guest::argument(0) == "write";
  const auto size = number_in_argument(2, kMaxSize);
  const auto count = number_in_argument(3, INT64_MAX);
  const int fd = monitor::open(name_in_argument(1), writes ? uhyve::kOpenWriteOnly : uhyve::kOpenReadOnly);
  if (fd < 0) guest::fail("the file cannot be opened");

  // The memory is there before anything is measured.
  for (std::size_t i = 0; i < buffer.size(); i += 4096) buffer[i] = std::byte{1};
  const auto total = measure(writes, fd, size, count);
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
