// The annotations by which a user configures a Hermit container.
#pragma once

#include <string>
#include <string_view>

#include "hermitage/oci/image/json.hpp"

namespace hermitage::oci {

// Returns the value of an annotation, or null if there is none. In Kubernetes, each container has all annotations of
// its pod. There, the annotation KEY.NAME replaces the annotation KEY for the container NAME.
[[nodiscard]] auto annotation_of(const Json& config, std::string_view key) -> const Json*;

// Whether `name` is this key, or belongs to it: KEY.NAME, in a container of a pod.
[[nodiscard]] auto is_annotation(const Json& config, std::string_view name, std::string_view key) -> bool;

}  // namespace hermitage::oci
