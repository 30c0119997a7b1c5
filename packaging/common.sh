# Functions of the scripts in this directory, which read it with `source`. Not a program.
# All packages are made from a finished build, and are the same, byte for byte, for the same build.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

fail() {
  echo "$(basename "$0"): $*" >&2
  exit 1
}

# open_build BUILD: sets `build`, `version`, and SOURCE_DATE_EPOCH to the day of the release, unless it is set.
open_build() {
  build=$(realpath "$1")
  [[ -f $build/CMakeCache.txt ]] || fail "$1 is not a build directory; run make build"
  version=$(sed -n 's/^CMAKE_PROJECT_VERSION:STATIC=//p' "$build/CMakeCache.txt")
  local program
  for program in "$build"/bin/hermitage{,-oci}; do
    [[ ! -f $program ]] || ! readelf -lW "$program" | grep -q INTERP ||
      fail "$program is not linked statically; configure with -DHERMITAGE_STATIC_PROGRAM=ON"
  done
  if [[ ! -v SOURCE_DATE_EPOCH ]]; then
    local day
    day=$(sed -n "s/^## ${version//./\\.} - //p" "$root/CHANGELOG.md")
    [[ -n $day ]] || fail "CHANGELOG.md has no date for version $version; set SOURCE_DATE_EPOCH"
    SOURCE_DATE_EPOCH=$(date -u -d "$day" +%s)
  fi
  export SOURCE_DATE_EPOCH
}

# stage DIRECTORY COMPONENT…: installs components as if DIRECTORY were the root of the file system, and strips the programs.
stage() {
  local into=$1 component
  shift
  umask 022
  for component in "$@"; do
    DESTDIR=$into cmake --install "$build" --prefix /usr --component "$component" >/dev/null
  done
  if [[ -d $into/usr/bin ]]; then
    strip --strip-unneeded --remove-section=.comment --remove-section=.note "$into"/usr/bin/*
  fi
  chmod -R u=rwX,go=rX "$into"
}
