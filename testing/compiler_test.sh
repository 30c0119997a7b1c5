#!/usr/bin/env bash
# Checks the errors of compilers for wrong uses of the public headers: views of temporaries, and standards before C++23.
# usage: compiler_test.sh GENERATED    GENERATED: the directory of the headers that the build writes
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
generated=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

headers=(entry/kernel_object entry/load_plan)

# compile COMPILER STANDARD: reads the body of a function.
compile() {
  {
    printf '#include <array>\n#include <string_view>\n#include <vector>\n'
    printf '#include "hermitage/%s.hpp"\n' "${headers[@]}"
    printf 'using namespace hermitage;\nusing namespace entry;\nauto read_file() -> std::vector<std::byte>;\n'
    printf 'template <class T> auto make() -> T;\nauto use() -> std::size_t {\n%s\n}\n' "$(cat)"
  } >"$work/main.cpp"
  "$1" "-std=$2" -Wall -Wextra -Werror -I "$root" -I "$generated" -fsyntax-only "$work/main.cpp" 2>"$work/errors"
}

accepts() {  # accepts COMPILER
  compile "$1" c++23 || { echo "$1: refuses valid code:" >&2; cat "$work/errors" >&2; exit 1; }
}

refuses() {  # refuses COMPILER WORDS
  ! compile "$1" c++23 || { echo "$1: accepts what should fail with '$2'" >&2; exit 1; }
  grep -q "$2" "$work/errors" || { echo "$1: '$2' is not in its errors:" >&2; cat "$work/errors" >&2; exit 1; }
}

check() {  # check COMPILER
  accepts "$1" <<<'const auto file = read_file();
    const auto kernel = KernelObject::parse(file);
    const auto part = ElfFile::open(std::span{file}.first(64));
    const std::array<std::byte, 4> magic{};
    return kernel ? 1 : part ? 2 : ElfFile::open(magic).has_value();'
  refuses "$1" deleted <<<'return KernelObject::parse(read_file())->mem_size();'
  refuses "$1" deleted <<<'return ElfFile::open(read_file())->segments().size();'
  refuses "$1" deleted <<<'return ElfFile::open(std::array<std::byte, 64>{})->segments().size();'
}

compilers=0
for compiler in "${CXX:-g++}" clang++-19; do
  command -v "$compiler" >/dev/null || { echo "$compiler: skipped, it is missing"; continue; }
  check "$compiler"
  ! compile "$compiler" c++20 <<<'return 0;' || { echo "$compiler: accepts C++20" >&2; exit 1; }
  first=$(grep -m 1 error: "$work/errors")
  [[ $first == *"Hermitage needs C++23"* ]] || { echo "$compiler: the first error with C++20 is $first" >&2; exit 1; }
  echo "$compiler: ok"
  compilers=$((compilers + 1))
done
(( compilers > 0 ))

# Only Clang knows which results refer to an argument.
if command -v clang++-19 >/dev/null; then
  refuses clang++-19 dangling <<<'const std::string_view text = Problem{}.message().view();
    return text.size();'
  refuses clang++-19 dangling <<<'const ElfFile& file = make<KernelObject>().file();
    return file.bytes().size();'
  headers=(launch/in_qemu launch/kernel_source launch/monitor vmm/machine vmm/memory/mapped_file vmm/net/tap)
  accepts clang++-19 <<<'const auto file = make<vmm::MappedFile>();
    const auto bytes = file.bytes();
    return bytes.size();'
  # Together, because the headers take a second to compile. Each line is an error.
  refuses clang++-19 dangling <<<'const auto bytes = make<vmm::MappedFile>().bytes();
    const auto memory = make<vmm::GuestMemory>().bytes();
    const auto& layout = make<vmm::Machine>().layout();
    const auto& name = make<vmm::net::Tap>().name();
    const auto& path = make<launch::KernelSource>().path();
    const auto* crash = make<launch::MonitorRun>().crash();
    const auto& spec = make<launch::QemuRun>().spec();
    return bytes.size() + memory.size() + layout.memory.end.value + name.size() + path.size() + (crash ? 1 : 0) +
        spec.memory_size;'
  found=$(grep -c 'error: .*dangling' "$work/errors")
  [[ $found == 7 ]] || { echo "clang++-19: $found dangling views instead of 7:" >&2; cat "$work/errors" >&2; exit 1; }
  echo "clang++-19, dangling views: ok"
fi
