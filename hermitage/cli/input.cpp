#include "hermitage/cli/input.hpp"

#include <functional>
#include <utility>

#include "hermitage/cli/progress.hpp"
#include "hermitage/launch/kernel_source.hpp"

namespace hermitage::cli {

using launch::KernelSource;

auto kernel_of(const KernelInput& input) -> std::span<const std::byte> {
  if (!input.image) return input.bytes;
  return *input.image ? (*input.image)->kernel() : std::span<const std::byte>{};
}

auto read_kernel(const std::string& path) -> std::expected<KernelInput, std::string> {
  auto source = KernelSource::open(path, KernelSource::Streams::read);
  if (!source) return std::unexpected{std::move(source.error().text)};
  if (source->kind() != KernelSource::Kind::image) {
    auto bytes = std::move(*source).read();
    if (!bytes) return std::unexpected{std::move(bytes.error())};
    return KernelInput{.bytes = *std::move(bytes), .image = {}};
  }
  ProgressBar progress{path};
  auto image = source->open_image({.contents = image::Contents::kernel, .progress = std::ref(progress)});
  if (!image && image.error().code == image::ProblemCode::unreadable) return std::unexpected{image.error().text};
  return KernelInput{.bytes = {}, .image = std::move(image)};
}

auto open_image(const std::string& path, const image::OpenOptions& options)
    -> std::expected<image::Image, image::Problem> {
  const auto source = KernelSource::open(path, KernelSource::Streams::read);
  if (source) return source->open_image(options);
  return std::unexpected{
      image::Problem{.code = image::ProblemCode::unreadable, .file = path, .text = source.error().message()}};
}

}  // namespace hermitage::cli
