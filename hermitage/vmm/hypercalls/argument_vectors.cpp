#include "hermitage/vmm/hypercalls/argument_vectors.hpp"

#include <algorithm>
#include <string_view>

#include <fmt/format.h>

#include "hermitage/entry/uhyve_interface.hpp"

namespace hermitage::vmm {
namespace {

// Kernels of 2024 omit the NULL at the end of the environment, and read the next bytes of the heap. A vector of at
// least this many variables is in new memory, which is zero. Smaller blocks can contain old data.
constexpr std::size_t kLeastVariables = 8;

auto too_many(std::string_view what) -> std::unexpected<Error> {
  return fail(ErrorCode::configuration, fmt::format("a guest with Uhyve interface 1 accepts at most {} {}",
                                                    entry::uhyve::v1::kMaxArguments, what));
}

}  // namespace

auto argument_vectors(const base::Arguments& arguments) -> Result<ArgumentVectors> {
  ArgumentVectors vectors;
  vectors.arguments.push_back(arguments.program);
  vectors.arguments.insert(vectors.arguments.end(), arguments.application.begin(), arguments.application.end());
  vectors.environment = arguments.environment;
  if (vectors.arguments.size() > entry::uhyve::v1::kMaxArguments)
    return too_many("arguments, including the path of the image");
  if (vectors.environment.size() > entry::uhyve::v1::kMaxArguments) return too_many("environment variables");
  vectors.environment.resize(std::max(vectors.environment.size(), kLeastVariables));
  return vectors;
}

}  // namespace hermitage::vmm
