#!/usr/bin/env bash
# Configures the project where something is missing or not supported, and checks what CMake reports. Builds nothing.
# usage: configure_test.sh SOURCE
set -euo pipefail
source=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

# configure NAME OPTION…: sets `status`. The output is in $work/NAME.log, with one space for each run of white space.
configure() {
  local name=$1
  shift
  status=0
  cmake -S "$source" -B "$work/$name" -DHERMITAGE_BUILD_GUESTS=OFF -DHERMITAGE_BUILD_LOADER=OFF "$@" >"$work/output" 2>&1 ||
    status=$?
  tr -s ' \n' ' ' <"$work/output" >"$work/$name.log"
}

expect() {  # expect NAME TEXT: the output contains TEXT
  grep -qF -- "$2" "$work/$1.log" || { echo "$1: no '$2' in: $(tail -c 2000 "$work/$1.log")" >&2; failed=1; }
}

refused() {  # refused NAME: the last configuration failed, and the only error is the project's, without a call stack
  (( status != 0 )) || { echo "$1: configured" >&2; failed=1; }
  [[ $(grep -o 'CMake Error' "$work/$1.log" | wc -l) == 1 ]] || { echo "$1: more than one error" >&2; failed=1; }
  ! grep -q 'Call Stack' "$work/$1.log" || { echo "$1: a call stack" >&2; failed=1; }
}

all='-DHERMITAGE_BUILD_IMAGE=OFF -DHERMITAGE_BUILD_TOOLS=OFF -DHERMITAGE_BUILD_TESTS=OFF'
# Nothing but the compiler and its library.
empty=(-DCMAKE_FIND_ROOT_PATH="$work/empty" -DCMAKE_FIND_ROOT_PATH_MODE_PACKAGE=ONLY -DCMAKE_FIND_ROOT_PATH_MODE_LIBRARY=ONLY
  -DCMAKE_FIND_ROOT_PATH_MODE_INCLUDE=ONLY)
configure empty "${empty[@]}"
refused empty
expect empty "libarchive is missing: install libarchive-dev, or configure with $all"
expect empty "zlib is missing: install zlib1g-dev, or configure with $all"
expect empty "toml++ is missing: install libtomlplusplus-dev, or configure with $all"
expect empty '{fmt} is missing: install libfmt-dev, or configure with -DHERMITAGE_BUILD_TOOLS=OFF'
expect empty 'nlohmann_json is missing: install nlohmann-json3-dev, or configure with -DHERMITAGE_BUILD_TOOLS=OFF'
expect empty 'nettle is missing: install nettle-dev, or configure with -DHERMITAGE_BUILD_TOOLS=OFF'
expect empty 'zstd is missing: install libzstd-dev, or configure with -DHERMITAGE_BUILD_TOOLS=OFF'
expect empty 'libiberty is missing: install libiberty-dev, or configure with -DHERMITAGE_BUILD_TOOLS=OFF'
expect empty 'GoogleTest is missing: install libgtest-dev, or configure with -DHERMITAGE_BUILD_TESTS=OFF'
if [[ $(uname -sm) == 'Linux x86_64' ]]; then
  expect empty 'libfdt is missing: install libfdt-dev, or configure with -DHERMITAGE_BUILD_TESTS=OFF -DHERMITAGE_BUILD_MONITOR=OFF'
  expect empty 'libseccomp is missing: install libseccomp-dev, or configure with -DHERMITAGE_BUILD_MONITOR=OFF'
  expect empty 'libnl is missing: install libnl-route-3-dev, or configure with -DHERMITAGE_BUILD_MONITOR=OFF'
fi

# The options that the messages name do without all of them.
# shellcheck disable=SC2086  # it is to be split into words
configure bare "${empty[@]}" $all
(( status == 0 )) || { echo "bare: not configured: $(tail -c 2000 "$work/bare.log")" >&2; failed=1; }

configure without_fmt -DCMAKE_DISABLE_FIND_PACKAGE_fmt=ON -DHERMITAGE_BUILD_TESTS=OFF
refused without_fmt
expect without_fmt '{fmt} is missing: install libfmt-dev, or configure with -DHERMITAGE_BUILD_TOOLS=OFF'

configure shared -DBUILD_SHARED_LIBS=ON
refused shared
expect shared 'Hermitage has only static libraries until version 1.0'

# As a part of another project, which has shared libraries of its own: the core, which needs nothing.
mkdir "$work/parent"
cat >"$work/parent/CMakeLists.txt" <<END
cmake_minimum_required(VERSION 3.25)
project(parent LANGUAGES C CXX)
set(BUILD_SHARED_LIBS ON)
add_subdirectory("$source" hermitage)
get_target_property(type hermitage_entry TYPE)
message(STATUS "hermitage::entry is a \${type}")
END
status=0
cmake -S "$work/parent" -B "$work/parent/build" "${empty[@]}" >"$work/part.log" 2>&1 || status=$?
(( status == 0 )) || failed=1
expect part 'hermitage::entry is a STATIC_LIBRARY'

# With the host's compiler, which is all that this needs.
configure cross -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR=riscv64
expect cross 'Left out: the tests; this host cannot run programs for Linux on riscv64 (CMAKE_CROSSCOMPILING_EMULATOR is not set)'
expect cross 'Left out: the monitor and hermitage-oci, which are for Linux on x86_64 and aarch64; this build is for Linux on riscv64.'
expect cross 'Left out: completions, generated manual pages and example images'
(( failed == 0 )) && echo 'configure: ok'
exit "$failed"
