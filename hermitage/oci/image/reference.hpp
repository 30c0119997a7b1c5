// Names of container images.
#pragma once

#include <expected>
#include <string>
#include <string_view>

namespace hermitage::oci {

// NAME[:TAG] in full, as engines store it: without a registry, the name is below "localhost/"; without a tag, it is
// "latest". The grammar is that of https://github.com/distribution/reference, without digests. The error is a sentence.
[[nodiscard]] auto full_reference(std::string_view text) -> std::expected<std::string, std::string>;

}  // namespace hermitage::oci
