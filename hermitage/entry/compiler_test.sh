#!/usr/bin/env bash
# Checks what compilers say to those who use the public headers wrongly: views of temporaries, and standards before C++23.
set -euo pipefail
module=$(cd "$(dirname "$0")" && pwd)
root=$module/../..
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# compile COMPILER STANDARD: reads the body of a function.
compile() {
  {
    printf '#include <array>\n#include <string_view>\n#include <vector>\n'
    printf '#include "hermitage/entry/%s.hpp"\n' kernel_object load_plan
    printf 'using namespace hermitage::entry;\nauto read_file() -> std::vector<std::byte>;\n'
    printf 'auto use() -> std::size_t {\n%s\n}\n' "$(cat)"
  } >"$work/main.cpp"
  "$1" "-std=$2" -Wall -Wextra -Werror -I "$root" -fsyntax-only "$work/main.cpp" 2>"$work/errors"
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
  refuses clang++-19 dangling <<<'const auto kernel = [] -> KernelObject { __builtin_trap(); };
    const ElfFile& file = kernel().file();
    return file.bytes().size();'
  echo "clang++-19, dangling views: ok"
fi
