#!/usr/bin/env bash
# Tests start_order with programs that cannot be traced, and with one whose executed functions are known.
# usage: start_order_test.sh TRACER COMPILER    TRACER: trace_functions
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
tracer=$1
compiler=$2
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"

# A program that "runs" any guest by calling two of its three functions, in a second thread.
cat >program.cpp <<'END'
#include <cstring>
#include <thread>
[[gnu::noinline]] void used_first(int value) { static volatile int sum; sum = sum + value; }
[[gnu::noinline]] void never_used(int value) { used_first(value + 1); }
[[gnu::noinline]] void used_second(int value) { used_first(value + 2); }
int main(int count, char** words) {
  if (count > 1 && std::strcmp(words[1], "fail") == 0) never_used(count);
  std::thread{[&] { used_second(count); }}.join();
}
END
"$compiler" -std=c++20 -O1 -ffunction-sections -pthread -static-pie -fPIE program.cpp -Wl,-Map=program.map -o program
"$here/start_order" --program "$PWD/program" --tracer "$tracer" --guests "$PWD" --output order.ld
grep -q '_Z10used_firsti' order.ld || { echo "an executed function is missing" >&2; cat order.ld >&2; exit 1; }
grep -q '_Z11used_secondi' order.ld || { echo "a function of the second thread is missing" >&2; exit 1; }
! grep -q '_Z10never_usedi' order.ld || { echo "a function that was not executed is there" >&2; exit 1; }
"$compiler" -std=c++20 -O1 -ffunction-sections -pthread -static-pie -fPIE program.cpp -Wl,-T,order.ld -o ordered
./ordered

# A program that cannot start a guest: the linker's order.
printf '#!/bin/sh\nexit 125\n' >failing && chmod +x failing && : >failing.map
"$here/start_order" --program "$PWD/failing" --tracer "$tracer" --guests "$PWD" --output none.ld | grep -q 'start order: none'
! grep -q '\*' <(tail -n +2 none.ld) || { echo "the order is not empty" >&2; exit 1; }
"$compiler" -std=c++20 -O1 -pthread program.cpp -Wl,-T,none.ld -o unordered
./unordered
