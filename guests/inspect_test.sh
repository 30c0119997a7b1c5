#!/usr/bin/env bash
# Checks that `hermitage inspect` reports for every guest the properties it was built with, and that guests for x86_64
# use no SSE.
# usage: inspect_test.sh HERMITAGE INDEX      INDEX: the file with the guests' paths, .../ARCH/VARIANT/NAME
set -euo pipefail
hermitage=$1 index=$2
report=$(mktemp)
trap 'rm -f "$report"' EXIT

failures=0 count=0
while read -r guest; do
  IFS=/ read -r arch variant name <<<"$(awk -F/ '{ print $(NF-2) "/" $(NF-1) "/" $NF }' <<<"$guest")"
  interface=${variant#if}; interface=${interface%%-*}
  case $arch in
    aarch64_be) architecture='aarch64, big endian' ;;
    *) architecture="$arch, little endian" ;;
  esac
  position=relocatable
  [[ $name == *-fixed ]] && position=fixed
  "$hermitage" inspect "$guest" >"$report" || true
  # Exactly these lines, and no warning except the expected one.
  expected=("Architecture       $architecture" "Position           $position" 'Entry version      4'
    "Uhyve interface    $interface" "Version: 0.$((10 + interface)).0" 'Loadable: yes')
  [[ $name == readme ]] && expected[4]='Version: 0.13.0'
  for line in "${expected[@]}"; do
    grep -qxF -- "$line" "$report" || { echo "$arch/$variant/$name: inspect does not say '$line'" >&2; failures=1; }
  done
  warnings=$(sed -n 's/^  \(warning\|error\) *\([a-z0-9_]*\):.*/\2/p' "$report" | tr '\n' ' ')
  wanted=
  [[ $variant == if3-low && $name == *-fixed ]] && wanted='fixed_below_4_gib '
  # With interface 3, fixed guests of bare machines are also below 4 GiB, where their memory is.
  [[ $arch != x86_64 && $name == *-fixed ]] && wanted=$warnings
  [[ $warnings == "$wanted" ]] || { echo "$arch/$variant/$name: warnings: '$warnings' instead of '$wanted'" >&2; failures=1; }
  if [[ $arch == x86_64 ]] && objdump -d "$guest" | grep -qE '%([xyz]mm|mm|st)'; then
    echo "$arch/$variant/$name: uses other registers than general ones" >&2
    failures=1
  fi
  count=$((count + 1))
done <"$index"
echo "$count guests"
exit $failures
