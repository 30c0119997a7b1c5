#include "hermitage/oci/annotations.hpp"

#include <fmt/format.h>

namespace hermitage::oci {
namespace {

// The name of the container in its pod, which containerd and CRI-O state; empty elsewhere.
auto name_in_pod(const Json& annotations) -> std::string {
  for (const auto* const key : {"io.kubernetes.cri.container-name", "io.kubernetes.container.name"}) {
    if (auto name = string_of(member(annotations, key)); !name.empty()) return name;
  }
  return {};
}

}  // namespace

auto annotation_of(const Json& config, std::string_view key) -> const Json* {
  const auto* const annotations = member(config, "annotations");
  if (annotations == nullptr) return nullptr;
  const auto name = name_in_pod(*annotations);
  const auto* const own = name.empty() ? nullptr : member(*annotations, fmt::format("{}.{}", key, name));
  return own == nullptr ? member(*annotations, key) : own;
}

auto is_annotation(const Json& config, std::string_view name, std::string_view key) -> bool {
  if (name == key) return true;
  const auto* const annotations = member(config, "annotations");
  return annotations != nullptr && name.starts_with(key) && name[key.size()] == '.' &&
         !name_in_pod(*annotations).empty();
}

}  // namespace hermitage::oci
