#!/usr/bin/env bash
# Checks that notes.h creates the notes of a kernel in C11 and in C++, that they survive --gc-sections with and
# without a linker script, and that they are in one PT_NOTE: for every installed compiler, linker and architecture.
# usage: notes_test.sh HERMITAGE      the program whose `inspect` checks the results
set -euo pipefail
hermitage=$1
module=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cat >"$work/notes.c" <<'END'
#include "hermitage/kernel/notes.h"

HERMITAGE_DEFINE_ENTRY_VERSION();
HERMITAGE_DEFINE_ABI_TAG(1, 22, 333);
HERMITAGE_DEFINE_UHYVE_INTERFACE(3);

#ifdef __cplusplus
extern "C"
#endif
void _start(void) {
  for (;;) {
  }
}
END
cp "$work/notes.c" "$work/notes.cpp"

# Discards all other notes.
cat >"$work/kernel.ld" <<'END'
ENTRY(_start)
SECTIONS {
  . = SIZEOF_HEADERS;
  .rodata : { *(.rodata .rodata.*) }
  INCLUDE hermitage/kernel/notes.ld
  .dynsym : { *(.dynsym) }
  .dynstr : { *(.dynstr) }
  .hash : { *(.hash) }
  .gnu.hash : { *(.gnu.hash) }
  .rela.dyn : { *(.rela.*) }
  . = ALIGN(0x10000);
  .text : { *(.text .text.*) }
  . = ALIGN(0x10000);
  .dynamic : { *(.dynamic) }
  .data : { *(.got .got.plt .data .data.* .sdata .bss .bss.*) }
  /DISCARD/ : { *(.note.*) *(.eh_frame*) *(.comment) }
}
END

fail() {
  echo "$1: $2" >&2
  [[ -f $work/report ]] && cat "$work/report" >&2
  exit 1
}

check() {  # check NAME COMMAND…
  local name=$1 line
  shift
  "$@" -O2 -Wall -Wextra -Wpedantic -Werror -ffreestanding -ffunction-sections -fdata-sections -fPIE -static-pie \
    -nostdlib -Wl,--gc-sections -Wl,--build-id=none -I "$module/../.." -o "$work/kernel" || fail "$name" "does not build"
  "$hermitage" inspect "$work/kernel" >"$work/report" || fail "$name" "is no kernel"
  for line in 'Version: 1\.22\.333' 'Entry version      4' 'Uhyve interface    3' 'Loadable: yes'; do
    grep -qx -- "$line" "$work/report" || fail "$name" "inspect does not say '$line'"
  done
  [[ $(grep -c PT_NOTE "$work/report") == 1 ]] || fail "$name" "has more than one PT_NOTE"
  grep -q 'PT_NOTE .* 0x4$' "$work/report" || fail "$name" "its PT_NOTE is not aligned to 4"
  [[ $(grep -cE '^  (HERMIT|GNU|UHYVEIF) ' "$work/report") == 3 ]] || fail "$name" "has not three notes"
  if grep -q '^  \(error\|warning\)' <(grep -v os_abi "$work/report"); then fail "$name" "something is wrong with it"; fi
  echo "$name: ok"
}

check_languages() {  # check_languages NAME C-COMPILER C++-COMPILER [FLAG…]
  local name=$1 c=$2 cxx=$3
  shift 3
  command -v "$c" "$cxx" >/dev/null || { echo "$name: skipped, there is no $c"; return 0; }
  check "$name, C" "$c" -std=c11 "$@" "$work/notes.c"
  check "$name, C++" "$cxx" -std=c++23 -fno-exceptions "$@" "$work/notes.cpp"
  check "$name, C++, linker script" "$cxx" -std=c++23 -fno-exceptions "$@" "$work/notes.cpp" -T "$work/kernel.ld" \
    "-L$module/../.." -Wl,-z,norelro -Wl,-z,separate-code
}

check_languages native gcc g++
check_languages "native, LTO" gcc g++ -flto
if [[ $(uname -m) == x86_64 ]]; then
  # Some distributions' compilers use this flag by default. Without a linker script, it causes two PT_NOTE.
  check "x86_64, property note, linker script" g++ -std=c++23 -fcf-protection=full "$work/notes.cpp" \
    -T "$work/kernel.ld" "-L$module/../.." -Wl,-z,norelro -Wl,-z,separate-code
fi
for arch in x86_64 aarch64 riscv64; do
  [[ $arch == "$(uname -m)" ]] && continue
  check_languages "$arch" $arch-linux-gnu-gcc $arch-linux-gnu-g++
done
# The only missing file in the headers of Debian's compiler for this byte order.
mkdir -p "$work/include/gnu"
touch "$work/include/gnu/stubs-lp64_be.h"
check_languages aarch64_be aarch64-linux-gnu-gcc aarch64-linux-gnu-g++ -mbig-endian -I "$work/include"

if command -v ld.lld-19 >/dev/null; then
  ln -s "$(command -v ld.lld-19)" "$work/ld.lld"
  check_languages "native, lld" gcc g++ -fuse-ld=lld -B "$work"
  check_languages "clang, lld" clang-19 clang++-19 -fuse-ld=lld -B "$work"
  for arch in x86_64 aarch64 riscv64; do
    check_languages "clang for $arch, lld" clang-19 clang++-19 --target=$arch-linux-gnu -fuse-ld=lld -B "$work"
  done
else
  echo "lld: skipped, there is no ld.lld-19"
fi
check_languages clang clang-19 clang++-19
