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

# debian_architecture: Debian's name for the architecture of the programs of `build`.
debian_architecture() {
  local machine
  machine=$(readelf -h "$build/bin/hermitage" | sed -n 's/^ *Machine: *//p')
  case $machine in
    *X86-64) echo amd64 ;;
    AArch64) echo arm64 ;;
    *) fail "$build/bin/hermitage: there are no packages for $machine" ;;
  esac
}

# strip_programs PROGRAM…: strips programs of `build`, where they are.
strip_programs() {
  "$(sed -n 's/^CMAKE_STRIP:FILEPATH=//p' "$build/CMakeCache.txt")" \
    --strip-unneeded --remove-section=.comment --remove-section=.note "$@"
}

# stage DIRECTORY COMPONENT…: installs components as if DIRECTORY were the root of the file system, and strips the programs.
stage() {
  local into=$1 component
  shift
  umask 022
  for component in "$@"; do
    DESTDIR=$into cmake --install "$build" --prefix /usr --component "$component" >/dev/null
  done
  [[ ! -d $into/usr/bin ]] || strip_programs "$into"/usr/bin/*
  chmod -R u=rwX,go=rX "$into"
}
