#!/usr/bin/env python3
"""Types commands and a tab into each interactive shell that this host has, and checks what the shell completes.

usage: testing/shell_completion_test.py SHARE

SHARE is the directory share/ of a build. Each shell runs on a pseudo terminal, with a function `hermitage` that prints its
arguments. Exit status: 0 if each shell completes as it should; 1 if one does not; 77 if this host has none of the shells.
"""

import os
import pty
import re
import shutil
import signal
import sys
import tempfile
from pathlib import Path

LIMIT = 60  # seconds for all lines in one shell

# What is typed before the tab, and the arguments that the program gets.
CASES = [
    ("imag", "image"),
    ("image cre", "image create"),
    ("inspect --by fun", "inspect --by function"),
    ("inspect --by=fun", "inspect --by=function"),
    ("inspect file --jso", "inspect file --json"),
    ("run --engine q", "run --engine qemu"),
    ("run --engine=q", "run --engine=qemu"),
    ("run -c 2 --verb", "run -c 2 --verbose"),
    ("run --engine kvm --verb", "run --engine kvm --verbose"),
    ("run --engine=kvm --verb", "run --engine=kvm --verbose"),
    ("run -e A=B -p 80:80 --verb", "run -e A=B -p 80:80 --verbose"),
    # What follows an image is for the application.
    ("run image --verb", "run image --verb"),
    ("run image --engine q", "run image --engine q"),
    ("run -c 2 image --verb", "run -c 2 image --verb"),
    ("run -e A=B image word --verb", "run -e A=B image word --verb"),
    ("run -- image --verb", "run -- image --verb"),
]

POSIX_FUNCTION = "hermitage() { printf '<<'; printf '(%s)' \"$@\"; printf '>>\\n'; }\n"
FISH_FUNCTION = "function hermitage; printf '<<'; printf '(%s)' $argv; printf '>>\\n'; end\n"


def bash(share, home):
    (home / "rc").write_text(f"{POSIX_FUNCTION}source '{share}/bash-completion/completions/hermitage'\n")
    return ["bash", "--noprofile", "--rcfile", str(home / "rc"), "-i"]


def zsh(share, home):
    (home / ".zshrc").write_text(f"{POSIX_FUNCTION}fpath=('{share}/zsh/site-functions' $fpath)\n"
                                 "autoload -Uz compinit && compinit -u -D\n")
    return ["zsh", "-d", "-i"]


def fish(share, home):
    (home / "rc").write_text(f"{FISH_FUNCTION}source '{share}/fish/vendor_completions.d/hermitage.fish'\n")
    return ["fish", "--no-config", "--init-command", f"source '{home}/rc'", "-i"]


def type_lines(command, home):
    """Returns the arguments of each call, in order, as strings."""
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(home / "empty")
        os.environ.update(HOME=str(home), ZDOTDIR=str(home), TERM="xterm", LC_ALL="C.UTF-8", PS1="$ ")
        os.execvp(command[0], command)
    signal.alarm(LIMIT)
    calls = []
    try:
        for typed, _ in CASES:
            os.write(terminal, f"hermitage {typed}\t\n".encode())
            output = b""
            while not (call := re.search(rb"<<((?:\([^()]*\))*)>>", output)):
                output += os.read(terminal, 4096)
            calls.append(" ".join(re.findall(r"\(([^()]*)\)", call[1].decode())))
    finally:
        signal.alarm(0)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(terminal)
    return calls


def check(name, share):
    """Returns the number of wrong completions."""
    with tempfile.TemporaryDirectory() as directory:
        home = Path(directory)
        (home / "empty").mkdir()
        calls = type_lines(SHELLS[name](share, home), home)
    wrong = 0
    for (typed, expected), actual in zip(CASES, calls):
        if actual != expected:
            print(f"{name}: hermitage {typed}<Tab>: hermitage {actual}, not {expected}")
            wrong += 1
    return wrong


SHELLS = {"bash": bash, "zsh": zsh, "fish": fish}


def main():
    if len(sys.argv) != 2:
        sys.exit(f"usage: {sys.argv[0]} SHARE")
    found = [name for name in SHELLS if shutil.which(name)]
    print("shells:", ", ".join(found) or "none")
    if not found:
        sys.exit(77)
    sys.exit(1 if sum(check(name, Path(sys.argv[1]).resolve()) for name in found) else 0)


if __name__ == "__main__":
    main()
