#include "hermitage/oci/hermit_program.hpp"

#include <algorithm>
#include <array>
#include <span>
#include <string_view>
#include <utility>

#include "hermitage/entry/elf.hpp"
#include "hermitage/entry/elf_file.hpp"
#include "hermitage/entry/notes.hpp"

namespace hermitage::oci {
namespace {

using Kind = HermitProgram::Kind;

// Bytes of a file that are read. Linkers put the notes before the code.
constexpr std::size_t kStartSize = 64 << 10;

// Whether a note of the Hermit entry version is among the first bytes of the file.
auto has_hermit_note(const entry::ElfFile& file) -> bool {
  bool found = false;
  file.for_each_note([&found](const entry::Note& note, std::uint64_t /*offset*/) {
    found = found || entry::entry_version_of(note).has_value();
  });
  return found;
}

auto kind_of(std::string_view start) -> std::optional<Kind> {
  constexpr std::string_view kGzip{"\x1f\x8b"};
  if (start.starts_with(kGzip)) return Kind::image;
  const auto file = entry::ElfFile::open(std::as_bytes(std::span{start}));
  if (!file) return std::nullopt;
  if (file->header().os_abi == entry::elf::kOsAbiStandalone || has_hermit_note(*file)) return Kind::kernel;
  return std::nullopt;
}

// Init programs that engines and images put in front of a program.
auto is_init(std::string_view word) -> bool {
  constexpr std::array<std::string_view, 5> kNames{"podman-init", "docker-init", "catatonit", "tini", "dumb-init"};
  const auto slash = word.rfind('/');
  const auto name = slash == std::string_view::npos ? word : word.substr(slash + 1);
  return std::ranges::find(kNames, name) != kNames.end();
}

// The index of the word that names the program.
auto program_index(const std::vector<std::string>& words) -> std::size_t {
  if (!is_init(words.front())) return 0;
  const auto dashes = std::ranges::find(words, "--");
  return dashes == words.end() ? 0 : static_cast<std::size_t>(dashes - words.begin()) + 1;
}

// The directories of the last PATH; none if there is no such variable.
auto search_path(const Json& process) -> std::vector<std::string> {
  constexpr std::string_view kName{"PATH="};
  std::optional<std::string> path;
  for (const auto& variable : strings_of(member(process, "env"))) {
    if (variable.starts_with(kName)) path = variable.substr(kName.size());
  }
  std::vector<std::string> directories;
  for (std::size_t start = 0; path && start <= path->size();) {
    const auto end = std::min(path->find(':', start), path->size());
    directories.push_back(path->substr(start, end - start));
    start = end + 1;
  }
  return directories;
}

auto below(const std::string& directory, const std::string& name) -> std::string {
  if (name.starts_with('/')) return name;
  return directory.ends_with('/') ? directory + name : directory + "/" + name;
}

// The paths at which a program of this name can be.
auto candidates(const std::string& name, const Json& process) -> std::vector<std::string> {
  auto working_directory = string_of(member(process, "cwd"));
  if (!working_directory.starts_with('/')) working_directory = "/" + working_directory;
  if (name.find('/') != std::string::npos) return {below(working_directory, name)};
  std::vector<std::string> paths;
  for (const auto& directory : search_path(process)) {
    paths.push_back(below(below(working_directory, directory), name));
  }
  return paths;
}

}  // namespace

auto find_hermit_program(const Json& process, const RootFileSystem& root) -> std::optional<HermitProgram> {
  const auto* const arguments = member(process, "args");
  auto words = strings_of(arguments);
  if (words.empty() || words.size() != arguments->size()) return std::nullopt;
  const auto index = program_index(words);
  if (index >= words.size() || words[index].empty()) return std::nullopt;
  for (const auto& path : candidates(words[index], process)) {
    const auto start = root.read(path, kStartSize);
    if (!start) continue;
    const auto kind = kind_of(*start);
    if (!kind) return std::nullopt;
    const auto init = index == 0 ? std::string{} : words.front();
    words.erase(words.begin(), words.begin() + static_cast<std::ptrdiff_t>(index) + 1);
    return HermitProgram{.kind = *kind, .path = path, .init = init, .arguments = std::move(words)};
  }
  return std::nullopt;
}

}  // namespace hermitage::oci
