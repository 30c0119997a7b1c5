#include "hermitage/image/format_problem.hpp"

#include <string>
#include <utility>

#include "hermitage/entry/format.hpp"

namespace hermitage::image {
namespace {

using entry::Format;

auto with_advice(std::string text, Format format) -> std::string {
  const auto advice = entry::advice(format);
  return advice.empty() ? text : text.append("; ").append(advice);
}

}  // namespace

auto not_gzip(std::span<const std::byte> beginning) -> Problem {
  const auto format = entry::detect_format(beginning);
  auto text = format == Format::unknown
                  ? std::string{"is not gzip data"}
                  : std::string{"is "}.append(entry::description(format)).append(", not gzip data");
  return {.code = ProblemCode::not_gzip, .text = with_advice(std::move(text), format)};
}

auto not_tar(std::span<const std::byte> beginning, std::string why) -> Problem {
  const auto format = entry::detect_format(beginning);
  if (format == Format::elf || format == Format::elf32) {
    auto text = std::string{"is "}.append(entry::description(Format::gzip_elf)).append(", not a Hermit image");
    return {.code = ProblemCode::packed_kernel, .text = with_advice(std::move(text), Format::gzip_elf)};
  }
  if (format == Format::unknown || format == Format::tar) {
    return {.code = ProblemCode::damaged_archive, .text = std::move(why)};
  }
  return {.code = ProblemCode::damaged_archive,
          .text = std::string{"is gzip data, but does not contain a tar archive: "}.append(entry::description(format))};
}

}  // namespace hermitage::image
