#!/usr/bin/env bash
# Installs a build into an empty directory, and builds programs with the installed files: in C++ and in C, for kernels
# and for images, with CMake's package and with pkg-config. Their output must match that of `hermitage` for the same
# kernel.
# usage: run.sh BUILD_DIR WRITE_KERNELS
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
build=$1
write_kernels=$2
if grep -q '^HERMITAGE_SANITIZERS:[A-Z]*=.' "$build/CMakeCache.txt"; then
  echo "skipped: libraries with sanitizers are not for installing"
  exit 77
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cmake --install "$build" --prefix "$work/prefix" >/dev/null
"$write_kernels" "$work" x86_64-relocatable >/dev/null
kernel=$work/x86_64-relocatable.elf
image=$work/image.tar.gz
"$work/prefix/bin/hermitage" image create -o "$image" --kernel "$kernel"
expected="entry point $("$work/prefix/bin/hermitage" load "$kernel" | sed -n 's/^Entry Point: //p')"

check() {  # check WHAT PROGRAM FILE
  local printed
  printed=$("$2" "$3")
  [[ $printed == "$expected" ]] || { echo "$1: printed '$printed' instead of '$expected'" >&2; exit 1; }
  echo "$1: ok"
}

for compilers in 'gcc g++' 'clang-19 clang++-19'; do
  read -r c_compiler compiler <<<"$compilers"
  command -v "$compiler" >/dev/null || { echo "consumers by $compiler: skipped, it is missing"; continue; }
  for consumer in cxx c image c_image; do
    cmake --no-warn-unused-cli -S "$here/$consumer" -B "$work/$compiler/$consumer" -DCMAKE_PREFIX_PATH="$work/prefix" \
      -DCMAKE_CXX_COMPILER="$compiler" -DCMAKE_C_COMPILER="$c_compiler" >/dev/null
    cmake --build "$work/$compiler/$consumer" >/dev/null
    file=$kernel
    [[ $consumer == *image ]] && file=$image
    check "$consumer by CMake, $compiler" "$work/$compiler/$consumer/consumer" "$file"
  done
done

# With the sources instead of the installed files.
cmake -S "$here/fetch" -B "$work/fetch" -DFETCHCONTENT_SOURCE_DIR_HERMITAGE="$here/../.." >/dev/null
cmake --build "$work/fetch" --target consumer c_consumer >/dev/null
check "cxx by FetchContent" "$work/fetch/consumer" "$kernel"
check "c by FetchContent" "$work/fetch/c_consumer" "$kernel"

log=$(cmake -S "$here/components" -B "$work/components" -DCMAKE_PREFIX_PATH="$work/prefix" 2>&1) ||
  { echo "components: $log" >&2; exit 1; }
echo "components by CMake: ok"

if [[ -d $build/share/hermitage/examples ]]; then
  for example in hello echo; do
    "$work/prefix/bin/hermitage" image check "$work/prefix/share/hermitage/examples/$example.tar.gz" >/dev/null
  done
  echo "examples: ok"
fi

# Each file belongs to one install component.
(cd "$work/prefix" && find . ! -type d | sort) >"$work/all"
for component in runtime loaders development; do
  cmake --install "$build" --prefix "$work/$component-only" --component "$component" >/dev/null
  (cd "$work/$component-only" 2>/dev/null && find . ! -type d) || true
done | sort >"$work/parts"
diff "$work/all" "$work/parts" >&2 || { echo "the install components are not the installation" >&2; exit 1; }
[[ ! -e $work/runtime-only/include && ! -e $work/development-only/bin ]] || { echo "a file in a wrong component" >&2; exit 1; }
echo "install components: ok"

# The installed headers include only each other, and no header of a test.
headers=$(cd "$work/prefix/include" && find hermitage -name '*.hpp' ! -path '*/kernel/*' ! -path '*/none/*' | sort)
! grep -E '_test(ing)?\.hpp$' <<<"$headers" || { echo "headers of tests are installed" >&2; exit 1; }
sed 's/.*/#include "&"/' <<<"$headers" >"$work/headers.cpp"
for compiler in g++ clang++-19; do
  command -v "$compiler" >/dev/null || { echo "headers by $compiler: skipped, it is missing"; continue; }
  "$compiler" -std=c++23 -Wall -Wextra -Werror -fsyntax-only -I "$work/prefix/include" "$work/headers.cpp"
  echo "headers by $compiler: ok"
  first=$("$compiler" -std=c++20 -fsyntax-only -I "$work/prefix/include" "$work/headers.cpp" 2>&1 | grep -m 1 error:) || true
  [[ $first == *'Hermitage needs C++23'* ]] || { echo "the first error of $compiler with C++20 is $first" >&2; exit 1; }
done

# The launch specification of an image.
"$work/prefix/bin/hermitage" image create -o "$work/launch.tar.gz" --kernel "$kernel" --app-arg word --memory 127M
cmake -S "$here/launch" -B "$work/launch" -DCMAKE_PREFIX_PATH="$work/prefix" >/dev/null
cmake --build "$work/launch" >/dev/null
expect_launch() {  # expect_launch WHAT PROGRAM
  local printed
  printed=$("$2" "$work/launch.tar.gz")
  [[ $printed == 'word with 128 MiB' ]] || { echo "$1: printed '$printed'" >&2; exit 1; }
  echo "$1: ok"
}
expect_launch "launch by CMake" "$work/launch/consumer"

# Runs an image with the library that contains all engines.
cmake -S "$here/run" -B "$work/run" -DCMAKE_PREFIX_PATH="$work/prefix" >/dev/null
cmake --build "$work/run" >/dev/null
expect_run() {  # expect_run WHAT PROGRAM
  local printed status=0
  printed=$(HERMITAGE_ENGINE=kvm "$2" "$guest" 2>"$work/errors") || status=$?
  if [[ $status == 125 ]]; then
    echo "$1: built, and not run: $(cat "$work/errors")"
  else
    [[ $status == 0 && $printed == Hello* ]] || { echo "$1: printed '$printed', exit $status" >&2; exit 1; }
    echo "$1: ok"
  fi
}
guest=$build/guests/x86_64/if3/hello
expect_run "run by CMake" "$work/run/consumer"

# Needs the library with the monitor, and KVM.
if [[ -d $work/prefix/include/hermitage/vmm && -f $guest ]]; then
  cmake -S "$here/vmm" -B "$work/vmm" -DCMAKE_PREFIX_PATH="$work/prefix" >/dev/null
  cmake --build "$work/vmm" >/dev/null
  expect_vmm() {  # expect_vmm WHAT PROGRAM
    local printed status=0
    printed=$("$2" "$guest") || status=$?
    if [[ ! -w /dev/kvm && $status == 125 ]]; then
      echo "$1: built, and not run: $printed"
    else
      [[ $status == 0 && $printed == Hello* ]] || { echo "$1: printed '$printed', exit $status" >&2; exit 1; }
      echo "$1: ok"
    fi
  }
  expect_vmm "vmm by CMake" "$work/vmm/consumer"
fi

export PKG_CONFIG_PATH
PKG_CONFIG_PATH=$(dirname "$(find "$work/prefix" -name hermitage.pc)")
read -ra flags <<<"$(pkg-config --cflags --libs hermitage)"
g++ -std=c++23 "$here/cxx/main.cpp" "${flags[@]}" -o "$work/cxx-pc"
check "cxx by pkg-config" "$work/cxx-pc" "$kernel"
gcc -std=c11 "$here/c/main.c" "${flags[@]}" -o "$work/c-pc"
check "c by pkg-config" "$work/c-pc" "$kernel"
read -ra flags <<<"$(pkg-config --cflags --libs hermitage-image)"
g++ -std=c++23 "$here/image/main.cpp" "${flags[@]}" -o "$work/image-pc"
check "image by pkg-config" "$work/image-pc" "$image"
read -ra flags <<<"$(pkg-config --cflags --libs hermitage-image-c)"
gcc -std=c11 "$here/c_image/main.c" "${flags[@]}" -o "$work/c-image-pc"
check "c_image by pkg-config" "$work/c-image-pc" "$image"
read -ra flags <<<"$(pkg-config --cflags --libs hermitage-launch)"
g++ -std=c++23 "$here/launch/main.cpp" "${flags[@]}" -o "$work/launch-pc"
expect_launch "launch by pkg-config" "$work/launch-pc"
g++ -std=c++23 "$here/run/main.cpp" "${flags[@]}" -o "$work/run-pc"
expect_run "run by pkg-config" "$work/run-pc"
if [[ -x $work/vmm/consumer ]]; then
  read -ra flags <<<"$(pkg-config --cflags --libs hermitage-vmm)"
  g++ -std=c++23 "$here/vmm/main.cpp" "${flags[@]}" -o "$work/vmm-pc"
  expect_vmm "vmm by pkg-config" "$work/vmm-pc"
fi

# The kernel in guests/README.md, unchanged, with the installed headers.
if [[ $(uname -m) == x86_64 ]]; then
  sed -n '/^```cpp/,/^```$/p' "$here/../../guests/README.md" | sed '/^```/d' >"$work/hello.cpp"
  g++ -std=c++23 -O2 -ffreestanding -fno-exceptions -fno-rtti -fno-stack-protector -fcf-protection=none \
    -mgeneral-regs-only -mno-red-zone -fPIE -static-pie -nostdlib -I "$work/prefix/include" \
    "$work/hello.cpp" -o "$work/hello"
  "$work/prefix/bin/hermitage" inspect "$work/hello" >"$work/report"
  grep -qx 'Loadable: yes' "$work/report" || { echo "kernel: not loadable" >&2; exit 1; }
  echo "kernel: ok"
fi
# The example in docs/monitor.md, with a main() that runs a guest.
if declare -F expect_vmm >/dev/null; then
  sed -n '/^```cpp/,/^```$/p' "$here/../../docs/monitor.md" | sed '/^```/d' >"$work/embed.cpp"
  cat >>"$work/embed.cpp" <<<'auto main(int, char** arguments) -> int {
  const auto status = run(arguments[1]);
  return status == 1 ? 125 : status;
}'
  read -ra flags <<<"$(pkg-config --cflags --libs hermitage-vmm)"
  for compiler in g++ clang++-19; do
    command -v "$compiler" >/dev/null || { echo "docs/monitor.md by $compiler: skipped, it is missing"; continue; }
    "$compiler" -std=c++23 -Wall -Wextra -Werror "$work/embed.cpp" "${flags[@]}" -o "$work/embed"
    expect_vmm "docs/monitor.md by $compiler" "$work/embed"
  done
fi
[[ -s $work/prefix/include/hermitage/kernel/notes.ld ]] || { echo "no notes.ld" >&2; exit 1; }

for manual in hermitage hermitage-{debug,doctor,image,inspect,load,run,snapshot}; do
  [[ -s $work/prefix/share/man/man1/$manual.1 ]] || { echo "no manual page $manual(1)" >&2; exit 1; }
done
