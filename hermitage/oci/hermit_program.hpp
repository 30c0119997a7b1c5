// Finds the Hermit kernel, or the packed image, that a container is to run.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "hermitage/oci/image/json.hpp"
#include "hermitage/oci/root_file_system.hpp"

namespace hermitage::oci {

struct HermitProgram {
  enum class Kind : std::uint8_t { kernel, image };

  Kind kind = Kind::kernel;
  std::string path;                    // in the container, absolute; its links are not resolved
  std::string init;                    // the path of an init program in front of it, as the engine wrote it, or empty
  std::vector<std::string> arguments;  // after the kernel or image
};

// Looks at the first word of a process (`process` of config.json), or at the word behind an init program and "--". As
// the kernel does, looks for a name without a slash in the directories of PATH, and takes other names relative to the
// working directory. A kernel is an ELF file of OS ABI 255, or with the note of a Hermit entry version; an image is
// gzip data. Nothing for all other processes, and for malformed ones.
[[nodiscard]] auto find_hermit_program(const Json& process, const RootFileSystem& root) -> std::optional<HermitProgram>;

}  // namespace hermitage::oci
