#!/usr/bin/env python3
"""Tests of check_includes.py: the includes it reports."""

import sys
import unittest

sys.dont_write_bytecode = True
import check_includes

DOCUMENT = """
| folder | what lives there | may include |
| --- | --- | --- |
| `hermitage/core/` | the core | itself |
| `hermitage/view/` | views | core (tests: tool) |
| `hermitage/tool/` | the program | core, view |
| `testing/` | what tests share | core |
| `testing/consumers/` | users of the installed library | view |
| `docs/` | documents | |

| header | concept |
| --- | --- |
| `core/` | another table |
"""


def check(path, *includes):
    return check_includes.check(DOCUMENT, {path: "".join(f"#include {include}\n" for include in includes)})


class Includes(unittest.TestCase):
    def test_what_the_table_allows(self):
        self.assertEqual(check("hermitage/core/a.cpp", '"hermitage/core/a.hpp"', "<vector>", "<sys/stat.h>"), [])
        self.assertEqual(check("hermitage/tool/a.cpp", '"hermitage/core/a.hpp"', '"hermitage/view/a.hpp"'), [])
        self.assertEqual(check("hermitage/core/part/a.cpp", '"hermitage/core/a.hpp"', '"beside.h"'), [])

    def test_what_it_does_not(self):
        self.assertEqual(check("hermitage/core/a.hpp", "<vector>", '"hermitage/view/a.hpp"'),
                         ["hermitage/core/a.hpp:2: includes hermitage/view/a.hpp, which the table in "
                          "docs/architecture.md does not allow"])
        self.assertEqual(len(check("hermitage/core/a.cpp", "<hermitage/view/a.hpp>")), 1)
        self.assertEqual(len(check("hermitage/core/a.cpp", '"hermitage/gone/a.hpp"')), 1)
        self.assertEqual(len(check("hermitage/core/a.cpp", '"testing/a.hpp"')), 1)
        self.assertEqual(len(check("hermitage/core/a.cpp", '"../view/a.hpp"')), 1)
        self.assertEqual(len(check_includes.check(DOCUMENT, {"hermitage/core/a.S": '  # include "testing/a.h"\n'})), 1)

    def test_that_tests_may_more(self):
        for name in ("a_test.cpp", "a_fuzzer.cpp", "a_testing.hpp", "a_test.c"):
            self.assertEqual(check(f"hermitage/view/{name}", '"testing/a.hpp"', "<gtest/gtest.h>",
                                   '"hermitage/tool/a.hpp"'), [])
            self.assertEqual(len(check(f"hermitage/core/{name}", '"hermitage/tool/a.hpp"')), 1)
        self.assertEqual(len(check("hermitage/view/a.cpp", '"hermitage/tool/a.hpp"')), 1)
        self.assertEqual(len(check("hermitage/view/test.cpp", "<gtest/gtest.h>")), 1)

    def test_that_the_longest_folder_counts(self):
        self.assertEqual(check("testing/consumers/a.cpp", '"hermitage/view/a.hpp"'), [])
        self.assertEqual(len(check("testing/a.cpp", '"hermitage/view/a.hpp"')), 1)
        self.assertEqual(len(check("testing/consumers/a.cpp", '"hermitage/core/a.hpp"')), 1)

    def test_files_and_names_without_a_row(self):
        self.assertEqual(check("hermitage/new/a.cpp"),
                         ["hermitage/new/a.cpp: docs/architecture.md has no row for its folder"])
        with self.assertRaisesRegex(ValueError, "'gone'"):
            check_includes.check(DOCUMENT.replace("core, view", "core, gone"), {})
        with self.assertRaisesRegex(ValueError, "no table"):
            check_includes.check("", {})


if __name__ == "__main__":
    unittest.main()
