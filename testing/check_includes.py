#!/usr/bin/env python3
"""Checks that each module includes only the modules that the table "may include" of docs/architecture.md allows.

usage: testing/check_includes.py [ROOT]

A row applies to the files below its directory; the row of the longest matching directory has precedence. A module may
always include itself. Names in the last column are modules (`entry` is hermitage/entry), or top-level directories, such
as `testing`. "(tests: a, b)" there permits more for tests. Tests are *_test, *_fuzzer and *_testing files. Only tests
may also include testing and GoogleTest.
"""

import re
import subprocess
import sys
from pathlib import Path

DOCUMENT = "docs/architecture.md"
SOURCES = ("*.c", "*.cpp", "*.h", "*.hpp", "*.S")
HEADER = "| may include |\n"
TEST = re.compile(r"_(test|fuzzer|testing)\.(c|cpp|hpp)$")
ROW = re.compile(r"^\| `(?P<folder>[^`]+/)` \|.*\|(?P<allowed>[^|]*)\|$")
TESTS_ONLY = re.compile(r"\(tests: ([^)]*)\)")
INCLUDE = re.compile(r'^\s*#\s*include\s*(?P<quote>["<])(?P<path>[^">]+)[">]', re.MULTILINE)
GOOGLETEST = ("gtest/", "gmock/")
GENERATED = ("hermitage/version.h",)  # by CMake, for everyone


class Rule:
    def __init__(self, allowed, allowed_to_tests):
        self.allowed = allowed
        self.allowed_to_tests = allowed_to_tests


def names(text):
    return [name.strip() for name in text.split(",") if name.strip() not in ("", "itself")]


def rows_of(document):
    """Returns the rows with a directory in the first column, from the table with the last column `may include`."""
    _, _, table = document.partition(HEADER)
    return [row for row in map(ROW.match, table.partition("\n\n")[0].splitlines()) if row]


def read_rules(rows):
    """Returns the rules by directory, with each permitted name replaced by one of these directories."""
    folders = {row["folder"] for row in rows}

    def folder_of(name):
        for folder in (f"hermitage/{name}/", f"{name}/"):
            if folder in folders:
                return folder
        raise ValueError(f"{DOCUMENT}: the table allows '{name}', which is no folder of it")

    rules = {}
    for row in rows:
        only = TESTS_ONLY.search(row["allowed"])
        allowed = [folder_of(name) for name in names(TESTS_ONLY.sub("", row["allowed"]))]
        allowed_to_tests = [folder_of(name) for name in names(only[1] if only else "")]
        rules[row["folder"]] = Rule([row["folder"], *allowed], [*allowed_to_tests, "testing/"])
    return rules


def longest(folders, path):
    return max((folder for folder in folders if path.startswith(folder)), key=len, default=None)


def check(document, files):
    """Returns one line for each error. `files`: path → text of each source file."""
    rules = read_rules(rows_of(document))
    if not rules:
        raise ValueError(f"{DOCUMENT}: there is no table with a last column `may include`")
    complaints = []
    for path, text in sorted(files.items()):
        home = longest(rules, path)
        if home is None:
            complaints.append(f"{path}: {DOCUMENT} has no row for its folder")
            continue
        is_test = TEST.search(path) is not None
        rule = rules[home]
        allowed = rule.allowed + (rule.allowed_to_tests if is_test else [])
        for include in INCLUDE.finditer(text):
            place = f"{path}:{text.count(chr(10), 0, include.start('quote')) + 1}"
            target = include["path"]
            if target in GENERATED:
                continue
            if target.startswith(GOOGLETEST) and not is_test:
                complaints.append(f"{place}: includes {target}, which only tests may")
            elif ".." in target.split("/"):
                complaints.append(f"{place}: includes {target}; name it from the root of the project")
            elif target.startswith("hermitage/") or longest(rules, target):
                if longest(rules, target) not in allowed:
                    complaints.append(f"{place}: includes {target}, which the table in {DOCUMENT} does not allow")
    return complaints


def main(arguments):
    root = Path(arguments[0]) if arguments else Path(__file__).resolve().parent.parent
    listed = subprocess.run(["git", "ls-files", "-z", *SOURCES], cwd=root, check=True, capture_output=True, text=True)
    files = {path: (root / path).read_text() for path in listed.stdout.split("\0") if path}
    try:
        complaints = check((root / DOCUMENT).read_text(), files)
    except ValueError as error:
        complaints = [str(error)]
    for complaint in complaints:
        print(complaint, file=sys.stderr)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
