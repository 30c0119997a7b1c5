// Reads any bytes as an archive of a container image, and as the configuration and the layers of one with right
// digests, which nobody reaches by changing bytes.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hermitage/image/image.hpp"
#include "hermitage/oci/image/container_image.hpp"
#include "hermitage/oci/image/container_testing.hpp"

namespace {

using namespace hermitage;
using namespace hermitage::oci;

// No lower than programs have them, so that slow inputs are found.
constexpr image::Limits kLimits{.unpacked_size = 68 << 20};

void convert(const Bytes& archive) {
  const auto files = ContainerFiles::open(archive);
  if (!files || !*files) return;
  Bytes packed;
  const auto converted =
      to_packed_image(**files, {.limits = kLimits, .progress = {}}, [&](std::span<const std::byte> bytes) {
        packed.insert(packed.end(), bytes.begin(), bytes.end());
        return true;
      });
  if (!converted) {
    if (!packed.empty() || converted.error().text.empty()) __builtin_trap();
    return;
  }
  // Headers are in addition to the files. A configuration of a container can exceed the limits of hermit.toml.
  const auto image = image::Image::open(packed, {.limits = {.unpacked_size = 1 << 30}, .progress = {}});
  if (image) return;
  const auto name = image.error().name();
  if (!name.starts_with("config_")) __builtin_trap();
}

// The parts of the input are separated by this.
constexpr std::string_view kSeparator = "|next|";

auto split(std::string_view text) -> std::vector<std::string_view> {
  std::vector<std::string_view> parts;
  for (;;) {
    const auto end = text.find(kSeparator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + kSeparator.size());
  }
}

}  // namespace

extern "C" auto LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) -> int {  // NOLINT
  const auto bytes = std::as_bytes(std::span{data, size});
  convert({bytes.begin(), bytes.end()});
  auto parts = split({reinterpret_cast<const char*>(data), size});
  auto run = parse_json(parts.front());
  parts.erase(parts.begin());
  std::vector<TestLayer> layers;
  for (const auto part : parts) {
    const auto layer = std::as_bytes(std::span{part});
    layers.push_back({.unpacked = {layer.begin(), layer.end()}, .packed = {layer.begin(), layer.end()}});
  }
  const Json fallback{{"Entrypoint", {"/kernel"}}};
  convert(TestLayout{layers, run ? Json(*std::move(run)) : fallback}.archive());
  return 0;
}
