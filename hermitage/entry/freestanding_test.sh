#!/usr/bin/env bash
# Checks that the core can be part of a boot loader: it compiles with -ffreestanding, without exceptions and RTTI, for
# every architecture with an installed compiler. It needs only four memory functions.
set -euo pipefail
module=$(cd "$(dirname "$0")" && pwd)
objects=$(mktemp -d)
trap 'rm -rf "$objects"' EXIT

check() {  # check NAME COMPILER…
  local name=$1
  shift
  mkdir -p "$objects/$name"
  local source
  for source in "$module"/*.cpp; do
    [[ $source == *_test.cpp || $source == *_fuzzer.cpp ]] && continue
    "$@" -std=c++23 -O2 -Wall -Wextra -Werror -ffreestanding -fno-exceptions -fno-rtti -I "$module/../.." \
      -c "$source" -o "$objects/$name/$(basename "$source").o"
  done
  ld_relocatable "$name" "$@"
  local unexpected
  unexpected=$(nm -u "$objects/$name.o" | awk '{print $2}' | grep -vxE 'memcpy|memmove|memset|memcmp' || true)
  if [[ -n $unexpected ]]; then
    echo "$name: undefined symbols beyond the four memory functions: ${unexpected//$'\n'/ }" >&2
    exit 1
  fi
  echo "$name: ok"
}

# Link all objects into one, to resolve the symbols that they define for each other.
ld_relocatable() {
  local name=$1
  shift
  "$@" -r -nostdlib -o "$objects/$name.o" "$objects/$name"/*.o
}

# The cross compiler's headers lack one empty file for this byte order.
check_big_endian() {
  mkdir -p "$objects/include/gnu"
  touch "$objects/include/gnu/stubs-lp64_be.h"
  check aarch64_be "$1" -mbig-endian -I "$objects/include"
}

check "native" "${CXX:-g++}"
for arch in aarch64 riscv64; do
  if command -v $arch-linux-gnu-g++ >/dev/null; then
    check $arch $arch-linux-gnu-g++
    [[ $arch == aarch64 ]] && check_big_endian $arch-linux-gnu-g++
  else
    echo "$arch: no $arch-linux-gnu-g++, skipped"
  fi
done
exit 0
