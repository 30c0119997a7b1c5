#!/usr/bin/env python3
"""Runs the commands in the ```console blocks of documents, and compares their output with what the documents show.

usage: testing/check_console.py HERMITAGE GUESTS [FILE…]

HERMITAGE is the program, GUESTS the directory of the guests of a build. Without FILE: README.md and all of docs/*.md. Commands run
in a directory with the guests for x86_64, the real images that this host has, and www/. /usr/local is replaced by the directory of the
build. Output is compared line by line, without numbers and alignment; a line "…" represents any number of lines. Words after "console" state what a block needs:

  console         runs with the monitor if this host's KVM can run the guests, otherwise in QEMU
  console monitor is skipped if the monitor cannot run the guests
  console kvm     is skipped if the monitor cannot run applications: their kernels need SSE, which some KVMs lack
  console host    has output that depends on the host: only the exit status is checked

A command whose image is missing is skipped. Exit status: 0 all match; 1 some do not; 77 all were skipped.
"""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LIMIT = 120  # seconds for a command
OPTIONAL = re.compile(r"\b(?:hello_world|(?:x86_64|aarch64)-\d[\w.-]+)\b")  # real images
FORWARDED = re.compile(r"-p (\d+):")


def blocks_of(text):
    """Returns the console blocks: line number, words after "console", lines."""
    needs = None
    for number, line in enumerate(text.splitlines(), 1):
        if needs is None:
            if line.startswith("```console"):
                start, needs, lines = number, line.split()[1:], []
        elif line.startswith("```"):
            yield start, needs, lines
            needs = None
        else:
            lines.append(line)


def commands_of(lines):
    """Returns the commands of a block, each with the lines of its output."""
    commands = []
    for line in lines:
        if line.startswith("$ "):
            commands.append((line[2:], []))
        elif commands:
            commands[-1][1].append(line)
    return commands


def stable(line):
    """Returns a line without the parts that differ between runs and builds: numbers, addresses and alignment."""
    line = re.sub(r"\b(?:[0-9a-f]{2}:){5}[0-9a-f]{2}\b", "#", line)
    line = re.sub(r"0x[0-9a-f]+|\d[\d.,]*", "#", line)
    return " ".join(line.split())


def matches(expected, actual):
    """Returns whether the output matches the lines of a document. A line "…" represents any number of lines."""
    expected = [line.strip() if line.strip() == "…" else stable(line) for line in expected if line.strip()]
    actual = [stable(line) for line in actual if line.strip()]

    def rest(i, j):
        if i == len(expected):
            return j == len(actual)
        if expected[i] == "…":
            return any(rest(i + 1, k) for k in range(j, len(actual) + 1))
        return j < len(actual) and expected[i] == actual[j] and rest(i + 1, j + 1)

    return rest(0, 0)


class Host:
    """The directory in which commands run, and the abilities of this host."""

    def __init__(self, hermitage, guests, directory):
        self.directory = directory
        self.prefix = Path(hermitage).resolve().parent.parent
        self.environment = {**os.environ, "PATH": f"{Path(hermitage).parent}:{os.environ['PATH']}", "LC_ALL": "C.UTF-8"}
        for name in ("COLUMNS", "HERMITAGE_ENGINE", "HERMITAGE_NET", "HERMIT_MEMORY_SIZE", "HERMIT_CPU_COUNT", "HERMIT_CONFIG"):
            self.environment.pop(name, None)
        cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
        images = Path(os.environ.get("HERMIT_TEST_IMAGES", cache / "hermit-test-images"))
        for source in (images, Path(guests) / "x86_64/if3"):
            for file in source.glob("*") if source.is_dir() else ():
                shutil.copy(file, directory / file.name)
        if (directory / "x86_64-0.6.9-hello_world").exists():
            shutil.copy(directory / "x86_64-0.6.9-hello_world", directory / "hello_world")
            (directory / "hello_world").chmod(0o755)  # as a build makes it
        (directory / "www").mkdir()
        (directory / "www/index.html").write_text("<h1>Hello</h1>\n")
        self.engine = next((engine for engine in ("kvm", "qemu") if self.runs_guests_with(engine)), None)
        engines = json.loads(self.run("hermitage doctor --json")[1])["engines"]
        self.has_kvm = any(engine["name"] == "kvm" and engine["architectures"] for engine in engines)
        self.has_qemu = any(engine["name"] == "qemu" and engine["architectures"] for engine in engines)
        if self.engine:
            self.environment["HERMITAGE_ENGINE"] = self.engine

    def run(self, command):
        command = command.replace("/usr/local/", f"{self.prefix}/")
        ended = subprocess.run(["bash", "-c", command], cwd=self.directory, env=self.environment, timeout=LIMIT,
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        return ended.returncode, ended.stdout

    def runs_guests_with(self, engine):
        return (self.directory / "hello").exists() and self.run(f"hermitage run --engine {engine} hello")[0] == 0

    def missing_for(self, needs, command):
        """Returns the missing requirement of a command, or None."""
        images = [name for name in OPTIONAL.findall(command) if not (self.directory / name).exists()]
        if images:
            return f"no {images[0]}"
        if "/share/hermitage/examples/" in command and not (self.prefix / "share/hermitage/examples").exists():
            return "no example images"
        if command.startswith("curl") and not shutil.which("curl"):
            return "no curl"
        if "run" not in command.split()[:2]:
            return None
        if "kvm" in needs:
            return None if self.has_kvm else "no KVM for applications"
        if "monitor" in needs:
            return None if self.engine == "kvm" else "no KVM for guests"
        if "aarch64" in command:
            return None if self.has_qemu else "no QEMU"
        return None if self.engine else "no engine for guests"


class Background:
    """A background command (it ends in "&"), with its output."""

    def __init__(self, host, command):
        self.output = open(host.directory / "background", "w+")
        self.process = subprocess.Popen(["bash", "-c", "exec " + command], cwd=host.directory, env=host.environment,
                                        stdin=subprocess.DEVNULL, stdout=self.output, stderr=subprocess.STDOUT)

    def lines_like(self, expected):
        end = time.monotonic() + LIMIT
        while True:
            self.output.seek(0)
            lines = self.output.read().splitlines()
            if matches(expected, lines) or self.process.poll() is not None or time.monotonic() > end:
                return lines
            time.sleep(0.1)

    def stop(self):
        self.process.terminate()
        self.process.wait()
        self.output.close()


def free_port():
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return str(bound.getsockname()[1])


def check_block(host, needs, lines):
    """Runs a block. Returns errors and skipped commands, each with its command."""
    complaints, skipped, background = [], [], []
    forwarded = FORWARDED.search("\n".join(lines))
    port = free_port()
    try:
        for command, expected in commands_of(lines):
            missing = host.missing_for(needs, command)
            if missing:
                skipped.append((command, missing))
                if command.endswith("&"):
                    break
                continue
            actual_command = command.replace(forwarded[1], port) if forwarded else command
            if "aarch64" in command:
                actual_command = "unset HERMITAGE_ENGINE; " + actual_command
            if command.endswith("&"):
                background.append(Background(host, actual_command.removesuffix("&")))
                actual = background[-1].lines_like(expected)
            else:
                status, output = host.run(actual_command)
                actual = output.splitlines()
                if "host" in needs:
                    if status not in (0, 1):
                        complaints.append((command, f"exit status {status}"))
                    continue
            if not matches(expected, actual):
                complaints.append((command, "prints:\n" + "\n".join(actual)))
    finally:
        for process in background:
            process.stop()
    return complaints, skipped


def main(arguments):
    if len(arguments) < 2:
        print(__doc__, file=sys.stderr)
        return 2
    hermitage, guests, *documents = arguments
    documents = [Path(name) for name in documents] or [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    has_run, is_wrong = False, False
    with tempfile.TemporaryDirectory() as directory:
        host = Host(os.path.abspath(hermitage), os.path.abspath(guests), Path(directory))
        for document in documents:
            for number, needs, lines in blocks_of(document.read_text()):
                complaints, skipped = check_block(host, needs, lines)
                has_run = has_run or len(skipped) < len(commands_of(lines))
                for command, reason in skipped:
                    print(f"{document.name}:{number}: skipped, {reason}: {command}")
                for command, complaint in complaints:
                    is_wrong = True
                    print(f"{document.name}:{number}: {command} {complaint}")
    return 1 if is_wrong else 0 if has_run else 77


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
