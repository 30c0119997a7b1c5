#!/usr/bin/env python3
"""Tests of check_console.py: the blocks it finds, and the output it accepts."""

import sys
import unittest

sys.dont_write_bytecode = True
import check_console


class CheckConsole(unittest.TestCase):
    def test_finds_blocks_and_commands(self):
        text = "# Page\n```console\n$ one\nout\n$ two\n```\n```sh\n$ three\n```\n\n```console kvm host\n$ four &\n…\n```\n"
        blocks = list(check_console.blocks_of(text))
        self.assertEqual([(number, needs) for number, needs, _ in blocks], [(2, []), (11, ["kvm", "host"])])
        self.assertEqual(check_console.commands_of(blocks[0][2]), [("one", ["out"]), ("two", [])])
        self.assertEqual(check_console.commands_of(blocks[1][2]), [("four &", ["…"])])

    def test_ignores_numbers_and_alignment(self):
        self.assertTrue(check_console.matches(["-rw-r--r--    136  hermit.toml"], ["-rw-r--r--  99  hermit.toml"]))
        self.assertTrue(check_console.matches(["rip 0x1542416d4 (f()+0x74)"], ["rip 0x10 (f()+0x7a)"]))
        self.assertTrue(check_console.matches(["net: 02:3c:de:71:b8:3e 192.0.2.2/24"], ["net: 52:54:00:12:34:56 10.0.2.15/24"]))
        self.assertFalse(check_console.matches(["a 1"], ["b 1"]))

    def test_compares_all_lines(self):
        self.assertTrue(check_console.matches([], []))
        self.assertFalse(check_console.matches([], ["a"]))
        self.assertFalse(check_console.matches(["a"], []))
        self.assertFalse(check_console.matches(["a"], ["a", "b"]))
        self.assertFalse(check_console.matches(["a", "b"], ["b", "a"]))

    def test_knows_omissions(self):
        self.assertTrue(check_console.matches(["…"], []))
        self.assertTrue(check_console.matches(["a", "…", "d"], ["a", "b", "c", "d"]))
        self.assertTrue(check_console.matches(["a", "   …", "d", "…"], ["a", "d", "d", "e"]))
        self.assertFalse(check_console.matches(["a", "…", "d"], ["a", "b"]))
        self.assertFalse(check_console.matches(["…", "d"], ["d", "e"]))


if __name__ == "__main__":
    unittest.main()
