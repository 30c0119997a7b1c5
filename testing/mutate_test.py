#!/usr/bin/env python3
"""Tests of mutate: the lines it changes, and the changes."""

import importlib.machinery
import sys
import types
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
loader = importlib.machinery.SourceFileLoader("mutate", str(Path(__file__).with_name("mutate")))
mutate = types.ModuleType(loader.name)
mutate.__file__ = loader.path
loader.exec_module(mutate)


def changed(line):
    return [mutant.changed for mutant in mutate.mutants_of("a.cpp", line)]


class Mutants(unittest.TestCase):
    def test_operators(self):
        self.assertEqual(changed("a = b < c;"), ["a = b <= c;"])
        self.assertEqual(changed("a = b && c == d;"), ["a = b || c == d;", "a = b && c != d;"])
        self.assertEqual(changed("auto&& a = b<c>(d->e);"), [])

    def test_constants(self):
        self.assertEqual(changed("a = 8;"), ["a = 7;", "a = 9;"])
        self.assertEqual(changed("a = 0x1'0fU;"), ["a = 0x10eU;", "a = 0x110U;"])
        self.assertEqual(changed("a = 010;"), ["a = 07;", "a = 011;"])
        self.assertEqual(changed("a = 0;"), ["a = 1;"])
        self.assertEqual(changed("a1 = x86_64;"), [])

    def test_conditions_and_results(self):
        self.assertEqual(changed("if (is_open()) return true;"),
                         ["if (is_open()) return false;", "if (!(is_open())) return true;"])
        self.assertEqual(changed("if (auto a = b(); a) return;"), [])

    def test_statements(self):
        self.assertEqual(changed("  files.clear();"), [""])
        self.assertEqual(changed("  ++count_;"), [""])
        self.assertEqual(changed("  return size();"), [])

    def test_what_is_left_alone(self):
        for line in ('a = "1 < 2";', "// 1 < 2", "a = '1';", "#if 1 < 2", "static_assert(1 < 2);", "/* 1 < 2 */",
                     "static_assert(1 <\n 2 < 3);", "/* 1\n 2 < 3 */"):
            self.assertEqual(changed(line), [], line)

    def test_equivalent_ones(self):
        keys = mutate.read_equivalent("# a comment\n\na.cpp\n- a = b < c;\n+ a = b <= c;\nwhy\nso\n\n"
                                      "b.cpp\n- f();\n+ (deleted)\nwhy\n")
        self.assertEqual(keys, {("a.cpp", "a = b < c;", "a = b <= c;"), ("b.cpp", "f();", "")})
        mutant, deleted = mutate.mutants_of("a.cpp", "\n    a = b < c;")
        self.assertIn(mutant.key(), keys)
        self.assertNotIn(deleted.key(), keys)
        with self.assertRaises(ValueError):
            mutate.read_equivalent("a.cpp\n- a\n+ b\n")

    def test_choosing(self):
        mutants = [mutate.Mutant(f"hermitage/{module}/a.cpp", number, "", "")
                   for module, count in (("a", 100), ("b", 3)) for number in range(count)]
        chosen = mutate.choose(mutants, 10, 1)
        self.assertEqual(len(chosen), 10)
        self.assertEqual(sum("/b/" in mutant.path for mutant in chosen), 3)
        self.assertEqual([str(mutant) for mutant in chosen], [str(mutant) for mutant in mutate.choose(mutants, 10, 1)])


if __name__ == "__main__":
    unittest.main()
