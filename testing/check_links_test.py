#!/usr/bin/env python3
"""Tests of check_links.py."""

import sys
import tempfile
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
import check_links


class CheckLinks(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.root = Path(directory.name)
        self.write("docs/other.md", "# Other page\n\n## The guest's files\n\n## Run\n\n## Run\n\n```\n## Code\n```\n")
        self.write("docs/map.svg", "<svg/>")
        self.write("src/main.cpp", "int main() {}\n")

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def problems(self, text, name="page.md"):
        document = self.write(name, text)
        return [line.split(":", 1)[1] for line in check_links.check([document], self.root)]

    def test_accepts_files_and_anchors(self):
        self.assertEqual(
            self.problems(
                "# Page\n"
                "[a](docs/other.md) ![b](docs/map.svg) [c](docs/other.md#the-guests-files) [d](#page) [e](docs)\n"
                "[f](docs/other.md#run) [g](docs/other.md#run-1) [`h`](src/main.cpp#L1) [i](src/main.cpp#L1-L2)\n"
                "[j](https://example.org/nothing#here) [k](mailto:nobody@example.org)\n"
                '<a href="docs/other.md">l</a> <img src="docs/map.svg">\n'
                "[m]\n\n[m]: docs/other.md\n"
            ),
            [],
        )
        self.assertEqual(self.problems("[up](../page.md) [here](other.md)\n", "docs/inner.md"), [])

    def test_names_broken_links(self):
        self.assertEqual(
            self.problems(
                "# Page\n[a](missing.md)\n[b](docs/other.md#code) [c](docs/other.md#run-2)\n[d](#pages)\n"
                "[e](../outside.md)\n[f](/etc/passwd)\n[g](docs/map.svg#legend)\n[h]: gone.md\n"
                '<img src="gone.svg">\n'
            ),
            [
                "2: missing.md: no such file",
                "3: docs/other.md#code: no such heading",
                "3: docs/other.md#run-2: no such heading",
                "4: #pages: no such heading",
                "5: ../outside.md: outside of the repository",
                "6: /etc/passwd: a path from the root of the file system",
                "7: docs/map.svg#legend: an anchor of a file that has none",
                "8: gone.md: no such file",
                "9: gone.svg: no such file",
            ],
        )

    def test_ignores_code(self):
        self.assertEqual(self.problems("`[a](gone.md)` ``[b](gone.md) ` ``\n```cpp\n[&](gone)\n```\n"), [])
        self.assertEqual(self.problems("~~~\n[a](gone.md)\n```\n[b](gone.md)\n~~~\n[c](gone.md)\n"), ["6: gone.md: no such file"])

    def test_finds_several_links_in_a_line(self):
        self.assertEqual(self.problems("| [a](x.md) | [b [c]](y.md) | [d](docs/other.md) |\n"), ["1: x.md: no such file", "1: y.md: no such file"])

    def test_makes_anchors_as_github_does(self):
        for heading, anchor in (
            ("inspect: text", "inspect-text"),
            ("With `--all`", "with---all"),
            ("What `inspect` and `load` print", "what-inspect-and-load-print"),
            ("Real KVM", "real-kvm"),
            ("See [this](page.md)", "see-this"),
            ("vmm_bench", "vmm_bench"),
        ):
            self.assertEqual(check_links.anchor_of(heading), anchor)


if __name__ == "__main__":
    unittest.main()
