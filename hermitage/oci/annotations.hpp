// The annotations by which a user configures a Hermit container.
#pragma once

#include <string>
#include <string_view>

#include "hermitage/oci/image/json.hpp"

namespace hermitage::oci {

// The value of an annotation; null if there is none. All containers of a pod have the annotations of the pod, so
// KEY.NAME takes precedence in the container NAME of a pod in Kubernetes.
[[nodiscard]] auto annotation_of(const Json& config, std::string_view key) -> const Json*;

// Whether `name` is this key, or belongs to it: KEY.NAME, in a container of a pod.
[[nodiscard]] auto is_annotation(const Json& config, std::string_view name, std::string_view key) -> bool;

}  // namespace hermitage::oci
