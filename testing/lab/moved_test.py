#!/usr/bin/env python3
"""Saves guests on one machine of the lab, and continues them on another one: the cases in moved/.

usage: testing/lab/moved_test.py FROM TO [--with=FILE…]

Exits with 77 if a machine is not available.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
SKIPPED = 77


def run(machine, results, files, cases):
    """Runs cases on one machine. Ends the program if one fails, or the machine is not available."""
    ended = subprocess.run([HERE / "lab", "run", f"--machine={machine}", f"--results={results}", *files, HERE / "moved" / cases],
                           stdout=subprocess.PIPE, text=True, check=False)
    print(ended.stdout, end="", flush=True)
    if ended.returncode:
        sys.exit(ended.returncode)
    if f"{'ok':8} guests" not in ended.stdout:
        sys.exit(SKIPPED)


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    source, target, *files = sys.argv[1:]
    with tempfile.TemporaryDirectory() as results:
        run(source, results, files, "saved.toml")
        run(target, results, [*files, f"--with=saved={results}/{source}"], "continued.toml")


if __name__ == "__main__":
    main()
