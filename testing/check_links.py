#!/usr/bin/env python3
"""Checks the relative links of Markdown files: each must name a file of the repository, and an anchor that exists.

usage: testing/check_links.py [FILE…]      default: all Markdown files in git

Links to other hosts are not followed. Prints one line for each broken link: FILE:LINE: REASON.
Exit status: 0 all links are correct; 1 some are broken.
"""

import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

FENCE = re.compile(r"^\s*(```+|~~~+)")
HEADING = re.compile(r"^(#{1,6})\s+(.*?)\s*#*\s*$")
LINK = re.compile(r"!?\[(?:[^\[\]]|\[[^\[\]]*\])*\]\(\s*<?([^()\s<>]+)>?(?:\s+\"[^\"]*\")?\s*\)")
DEFINITION = re.compile(r"^ {0,3}\[[^\]]+\]:\s*<?([^\s<>]+)>?")
HTML = re.compile(r"<(?:a|img|source)\b[^>]*?\b(?:href|src|srcset)=\"([^\"\s]+)\"")
EXPLICIT_ANCHOR = re.compile(r"<[^>]*\b(?:id|name)=\"([^\"]+)\"")
CODE = re.compile(r"(`+)(?:.*?[^`])\1(?!`)")
SCHEME = re.compile(r"^[a-zA-Z][a-zA-Z0-9+.-]*:")


def lines_outside_of_fences(text):
    """Returns the numbered lines of a document, without fenced code blocks."""
    fence = None
    for number, line in enumerate(text.splitlines(), 1):
        mark = FENCE.match(line)
        if mark and fence is None:
            fence = mark[1]
        elif fence is not None:
            if mark and mark[1].startswith(fence):
                fence = None
        else:
            yield number, line


def anchor_of(heading):
    """Returns GitHub's anchor for a heading: lower case, no punctuation, hyphens for spaces."""
    text = LINK.sub(lambda link: link[0][link[0].index("[") + 1 : link[0].index("](")], heading)
    text = re.sub(r"[^\w\- ]", "", text.replace("`", "")).lower()
    return text.replace(" ", "-")


def anchors_of(text):
    """Returns all anchors of a document. Repeated headings get the suffix -1, -2 and so on."""
    anchors = set()
    count = {}
    for _, line in lines_outside_of_fences(text):
        anchors.update(EXPLICIT_ANCHOR.findall(line))
        heading = HEADING.match(line)
        if not heading:
            continue
        anchor = anchor_of(heading[2])
        repeated = count.get(anchor, 0)
        count[anchor] = repeated + 1
        anchors.add(f"{anchor}-{repeated}" if repeated else anchor)
    return anchors


def links_of(text):
    """Returns the targets of all links of a document outside of code, with line numbers."""
    for number, line in lines_outside_of_fences(text):
        line = CODE.sub(lambda code: "`" * len(code[0]), line)
        for pattern in (LINK, DEFINITION, HTML):
            for target in pattern.findall(line):
                yield number, target


def problem_with(target, document, root):
    """Returns the error of a link target in a document, or None."""
    if SCHEME.match(target) or target.startswith("//"):
        return None
    path, _, anchor = target.partition("#")
    path = unquote(path)
    if path.startswith("/"):
        return f"{target}: a path from the root of the file system"
    file = (document.parent / path).resolve() if path else document
    if root.resolve() not in [file, *file.parents]:
        return f"{target}: outside of the repository"
    if not file.exists():
        return f"{target}: no such file"
    if not anchor:
        return None
    if file.suffix != ".md":
        return None if file.is_file() and re.fullmatch(r"L\d+(-L\d+)?", anchor) else f"{target}: an anchor of a file that has none"
    if unquote(anchor) not in anchors_of(file.read_text()):
        return f"{target}: no such heading"
    return None


def check(documents, root):
    """Returns one line for each broken link."""
    for document in documents:
        for number, target in links_of(document.read_text()):
            problem = problem_with(target, document.resolve(), root)
            if problem:
                yield f"{document}:{number}: {problem}"


def main(arguments):
    root = Path(__file__).resolve().parent.parent
    if not arguments:
        listed = subprocess.run(["git", "ls-files", "-z", "*.md"], cwd=root, check=True, capture_output=True, text=True)
        arguments = [str(root / name) for name in listed.stdout.split("\0") if name]
    problems = list(check([Path(argument) for argument in arguments], root))
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
