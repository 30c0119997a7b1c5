#include "hermitage/cli/input.hpp"

#include <functional>
#include <utility>

#include "hermitage/base/descriptor.hpp"
#include "hermitage/cli/container_input.hpp"
#include "hermitage/cli/progress.hpp"
#include "hermitage/launch/kernel_source.hpp"

namespace hermitage::cli {

using launch::KernelSource;

namespace {

using image::Image;
using image::OpenOptions;
using image::Problem;
using MaybePacked = std::expected<std::optional<base::Descriptor>, Problem>;

// Opens the packed image that was made from a container image. Returns nothing if the input is no container image.
auto open_packed(const MaybePacked& packed, const std::string& path, const OpenOptions& options)
    -> std::optional<std::expected<Image, Problem>> {
  if (!packed) return std::unexpected{packed.error()};
  if (!*packed) return std::nullopt;
  return Image::open((*packed)->get(), path, options);
}

auto kernel_input(std::expected<Image, Problem> image) -> std::expected<KernelInput, std::string> {
  if (!image && image.error().code == image::ProblemCode::unreadable) return std::unexpected{image.error().text};
  return KernelInput{.bytes = {}, .image = std::move(image)};
}

}  // namespace

auto kernel_of(const KernelInput& input) -> std::span<const std::byte> {
  if (!input.image) return input.bytes;
  return *input.image ? (*input.image)->kernel() : std::span<const std::byte>{};
}

auto read_kernel(const std::string& path) -> std::expected<KernelInput, std::string> {
  ProgressBar progress{path};
  const OpenOptions options{.limits = {}, .contents = image::Contents::kernel, .progress = std::ref(progress)};
  if (auto image = open_packed(pack_container(path, options), path, options)) return kernel_input(*std::move(image));
  auto source = KernelSource::open(path, KernelSource::Streams::read);
  if (!source) return std::unexpected{std::move(source.error().text)};
  if (source->kind() != KernelSource::Kind::image) {
    auto bytes = std::move(*source).read();
    if (!bytes) return std::unexpected{std::move(bytes.error().text)};
    if (auto image = open_packed(pack_container(*bytes, options), path, options)) {
      return kernel_input(*std::move(image));
    }
    return KernelInput{.bytes = *std::move(bytes), .image = {}};
  }
  return kernel_input(source->open_image(options));
}

auto open_image(const std::string& path, const image::OpenOptions& options)
    -> std::expected<image::Image, image::Problem> {
  if (auto image = open_packed(pack_container(path, options), path, options)) return *std::move(image);
  auto source = KernelSource::open(path, KernelSource::Streams::read);
  if (!source) {
    return std::unexpected{
        Problem{.code = image::ProblemCode::unreadable, .file = path, .text = source.error().message()}};
  }
  if (source->descriptor() >= 0 || source->kind() != KernelSource::Kind::neither) return source->open_image(options);
  const auto bytes = std::move(*source).read();
  if (!bytes) {
    return std::unexpected{
        Problem{.code = image::ProblemCode::unreadable, .file = path, .text = bytes.error().message()}};
  }
  if (auto image = open_packed(pack_container(*bytes, options), path, options)) return *std::move(image);
  return Image::open(*bytes, options);
}

}  // namespace hermitage::cli
