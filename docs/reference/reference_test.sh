#!/usr/bin/env bash
# Checks that each public header has an example, and that Doxygen writes the reference without warnings.
# usage: reference_test.sh CONFIGURED    CONFIGURED: see write_reference
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# An example begins and ends with the name of its header.
sed -n 's/^.*! \[\(hermitage[^]]*\)\].*$/\1/p' "$here"/examples/* | sort | uniq -c | awk '$1 == 2 { print $2 }' >"$1/with_example"
missing=$(sort "$1/named_headers" | comm -23 - "$1/with_example")
[[ -z $missing ]] || { echo "headers without an example in $here/examples: ${missing//$'\n'/ }" >&2; exit 1; }
echo "examples: ok"
command -v doxygen >/dev/null || { echo "the rest is skipped: doxygen is missing"; exit 77; }
"$here/write_reference" "$1" "$1/output"
