#include "hermitage/capi/image.h"

#include <algorithm>
#include <cstring>
#include <exception>
#include <new>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hermitage/image/image.hpp"

namespace image = hermitage::image;
using hermitage::entry::FileKind;

struct hermitage_image {
  image::Image image;
};

namespace {

static_assert(sizeof(hermitage_image_config) == 48 && sizeof(hermitage_image_entry) == 40);
static_assert(std::to_underlying(FileKind::regular) == HERMITAGE_REGULAR_FILE);
static_assert(std::to_underlying(FileKind::directory) == HERMITAGE_DIRECTORY);
static_assert(std::to_underlying(FileKind::symbolic_link) == HERMITAGE_SYMBOLIC_LINK);

constexpr auto code_of(image::ProblemCode code) -> hermitage_code {
  return static_cast<hermitage_code>(code) + HERMITAGE_IMAGE_FIRST;
}

// The first, the last and some other codes: these fail to compile if the two lists differ.
static_assert(code_of(image::ProblemCode::unreadable) == HERMITAGE_IMAGE_UNREADABLE);
static_assert(code_of(image::ProblemCode::packed_kernel) == HERMITAGE_IMAGE_PACKED_KERNEL);
static_assert(code_of(image::ProblemCode::no_config) == HERMITAGE_IMAGE_NO_CONFIG);
static_assert(code_of(image::ProblemCode::cannot_pack) == HERMITAGE_IMAGE_CANNOT_PACK);
static_assert(code_of(image::ProblemCode::ignored_variable) == HERMITAGE_IMAGE_IGNORED_VARIABLE);

void describe(hermitage_code code, hermitage_severity severity, std::string_view message, hermitage_problem& problem) {
  problem = {};
  problem.code = code;
  problem.severity = severity;
  problem.name = hermitage_image_code_name(code);
  std::memcpy(problem.message, message.data(), std::min(message.size(), sizeof problem.message - 1));
}

auto fail(hermitage_code code, std::string_view message, hermitage_problem* error) -> hermitage_code {
  if (error != nullptr) describe(code, HERMITAGE_ERROR, message, *error);
  return code;
}

// No exception leaves the functions for C.
template <class Open>
auto open_by(const Open& open, hermitage_image** image, hermitage_problem* error) -> hermitage_code {
  try {
    auto opened = open();
    if (!opened) return fail(code_of(opened.error().code), opened.error().message(), error);
    *image = new hermitage_image{std::move(*opened)};
    return HERMITAGE_OK;
  } catch (const std::bad_alloc&) {
    return fail(HERMITAGE_NO_MEMORY, "there is not enough memory for the image", error);
  } catch (const std::exception& exception) {
    return fail(HERMITAGE_IMAGE_UNREADABLE, exception.what(), error);
  }
}

auto string_at(const std::vector<std::string>& strings, size_t index) -> const char* {
  return index < strings.size() ? strings[index].c_str() : nullptr;
}

}  // namespace

const char* hermitage_image_code_name(hermitage_code code) {
  if (code < HERMITAGE_IMAGE_FIRST) return hermitage_code_name(code);
  if (code > HERMITAGE_IMAGE_IGNORED_VARIABLE) return "unknown";
  // The names are string literals, so each ends with a NUL.
  return image::Problem{.code = static_cast<image::ProblemCode>(code - HERMITAGE_IMAGE_FIRST)}.name().data();
}

hermitage_code hermitage_image_open(hermitage_image** image, const char* path, hermitage_problem* error) {
  return open_by([path] { return image::Image::open(std::filesystem::path{path}); }, image, error);
}

hermitage_code hermitage_image_read(hermitage_image** image, const void* bytes, size_t size, hermitage_problem* error) {
  const std::span archive{static_cast<const std::byte*>(bytes), size};
  return open_by([archive] { return image::Image::open(archive); }, image, error);
}

void hermitage_image_close(hermitage_image* image) {
  delete image;
}

const void* hermitage_image_kernel(const hermitage_image* image, size_t* size) {
  const auto kernel = image->image.kernel();
  *size = kernel.size();
  return kernel.data();
}

void hermitage_image_query(const hermitage_image* image, hermitage_image_config* config) {
  const auto& found = image->image.config();
  *config = {.kernel = found.kernel.c_str(),
             .kernel_arg_count = found.kernel_args.size(),
             .app_arg_count = found.app_args.size(),
             .env_var_count = found.env_vars.size(),
             .memory = found.memory.value_or(0),
             .cpus = found.cpus};
}

const char* hermitage_image_kernel_arg(const hermitage_image* image, size_t index) {
  return string_at(image->image.config().kernel_args, index);
}

const char* hermitage_image_app_arg(const hermitage_image* image, size_t index) {
  return string_at(image->image.config().app_args, index);
}

const char* hermitage_image_env_var(const hermitage_image* image, size_t index) {
  return string_at(image->image.config().env_vars, index);
}

bool hermitage_image_entry_at(const hermitage_image* image, size_t index, hermitage_image_entry* entry) {
  const auto files = image->image.files();
  if (index >= files.size()) return false;
  const auto& file = files[index];
  *entry = {.path = file.path.c_str(),
            .kind = std::to_underlying(file.kind),
            .mode = file.mode,
            .size = file.size,
            .link_target = file.link_target.c_str(),
            .contents = file.bytes().data()};
  return true;
}

bool hermitage_image_warning(const hermitage_image* image, size_t index, hermitage_problem* warning) {
  const auto warnings = image->image.warnings();
  if (index >= warnings.size()) return false;
  const auto& found = warnings[index];
  describe(code_of(found.code), std::to_underlying(found.severity()), found.message(), *warning);
  return true;
}
