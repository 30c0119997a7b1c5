#!/usr/bin/env python3
"""Tests of the lab: reading and checking of cases, and reports of a machine that hangs."""

import importlib.machinery
import sys
import tempfile
import types
import unittest
import unittest.mock
from pathlib import Path

sys.dont_write_bytecode = True
import cases
import machine

loader = importlib.machinery.SourceFileLoader("lab", str(Path(__file__).with_name("lab")))
lab = types.ModuleType(loader.name)
loader.exec_module(lab)


def read(text):
    with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
        file.write(text)
        file.flush()
        return list(cases.read(file.name))


class Reading(unittest.TestCase):
    def test_one_case(self):
        case, = read('[one]\nrun = "true"\nexpect.stdout.is = ""\n')
        self.assertEqual((case.name, case.run, case.exit, case.limit), ("one", "true", 0, cases.LIMIT_SECONDS))
        self.assertEqual(case.expect, {"stdout": {"is": ""}})

    def test_every_combination_is_a_case(self):
        made = read('''[all]
each.image = ["a", "b"]
each.aslr = { aslr = "", fixed = "--no-aslr" }
run = "run @aslr@ @image@"
needs = ["images/@image@"]
expect.stdout.contains = ["I am @image@", "me@home@x"]
''')
        self.assertEqual([case.name for case in made], ["all/a/aslr", "all/a/fixed", "all/b/aslr", "all/b/fixed"])
        self.assertEqual(made[3].run, "run --no-aslr b")
        self.assertEqual(made[3].needs, ["images/b"])
        self.assertEqual(made[3].expect["stdout"]["contains"], ["I am b", "me@home@x"])

    def test_numbers_can_be_chosen(self):
        self.assertEqual([case.run for case in read('[n]\neach.n = [0, 40]\nrun = "seq @n@"')], ["seq 0", "seq 40"])

    def test_mistakes_are_named(self):
        for text, words in (
            ('[a]\nrun = "true"\nexpct = 1', "expct"),
            ("[a]\nexit = 1", "run"),
            ('[a]\nrun = "true"\nexpect.stdout.has = ""', "has"),
            ('[a]\nrun = "true"\nexpect.stdout = "text"', "text"),
            ('["a b"]\nrun = "true"', "a b"),
            ("[a\n", "line 1"),
        ):
            with self.subTest(text), self.assertRaisesRegex(cases.Mistake, words):
                read(text)

    def test_names_are_unique(self):
        with tempfile.NamedTemporaryFile("w") as file:
            file.write('[same]\nrun = "true"')
            file.flush()
            with self.assertRaisesRegex(cases.Mistake, "same"):
                cases.read_all([file.name, file.name])


class Judging(unittest.TestCase):
    def judge(self, expect=None, result="status 0\nseconds 0.10\n", stdout="", exit=0, files=()):
        with tempfile.TemporaryDirectory() as scratch:
            directory = Path(scratch)
            (directory / "files").mkdir()
            (directory / "result").write_text(result)
            (directory / "stdout").write_text(stdout)
            (directory / "stderr").write_text("")
            for name, text in files:
                (directory / "files" / name).write_text(text)
            return list(cases.judge(cases.Case("case", "true", exit=exit, expect=expect or {}), directory))

    def test_status(self):
        self.assertEqual(self.judge(), [])
        self.assertEqual(self.judge(exit=3), ["exit status 0, not 3"])
        self.assertEqual(self.judge(result="status 137\ntimed_out\n"), [f"did not end within {cases.LIMIT_SECONDS} s"])

    def test_what_is_left_behind_fails(self):
        self.assertEqual(self.judge(result="status 0\nleft_process a b\nleft_file x y\n"),
                         ["left behind: a process a b", "left behind: a temporary file x y"])

    def test_texts(self):
        for verb, good, bad in (("is", "one\ntwo\n", "one"), ("contains", ["one", "two"], ["one", "three"]),
                                ("lacks", "three", ["three", "two"]), ("matches", ["^two$"], ["^wo$"])):
            with self.subTest(verb):
                self.assertEqual(self.judge({"stdout": {verb: good}}, stdout="one\ntwo\n"), [])
                self.assertEqual(len(self.judge({"stdout": {verb: bad}}, stdout="one\ntwo\n")), 1)

    def test_json(self):
        text = '{"exit": {"code": 0}, "cpus": [{"id": 7}]}'
        self.assertEqual(self.judge({"stdout": {"json": {"exit.code": 0, "cpus.0.id": 7}}}, stdout=text), [])
        self.assertEqual(self.judge({"stdout": {"json": {"exit.code": 1, "cpus.1": 0, "exit.code.x": 0}}}, stdout=text),
                         ["stdout has exit.code = 0, not 1", "stdout has no cpus.1", "stdout has no exit.code.x"])
        self.assertRegex(self.judge({"stdout": {"json": {}}}, stdout="{")[0], "is not JSON")

    def test_files(self):
        expect = {"left": {"is": "text"}}
        self.assertEqual(self.judge(expect, files=[("left", "text")]), [])
        self.assertEqual(self.judge(expect), ["left no file left"])


class Reporting(unittest.TestCase):
    def test_nothing_steers_the_terminal(self):
        self.assertEqual(lab.shown("a\tb\n\x1b[2J\0é\n"), "a\tb\n\\x1b[2J\\x00é")

    def test_not_all_of_a_long_text(self):
        self.assertEqual(lab.shown("a" * 10 + "b" * 10, most=4), "aa\n… 16 characters …\nbb")

    def test_obstacles(self):
        case = cases.Case("case", "true", needs=["sse", "images/there"])
        files = {"lab/images": Path(__file__).parent, "lab/bin/there": Path(__file__)}
        self.assertIn("paravirtual", lab.obstacle(case, files, lab.Kvm("paravirtual"), "host"))
        self.assertEqual(lab.obstacle(case, files, lab.Kvm("none"), "host"), "there is no KVM")
        self.assertEqual(lab.obstacle(case, files, lab.Kvm("real"), "6.1"), "there is no images/there")
        for needs in (["images/lab", "bin/there"], ["kvm", "sse", "lab"], []):
            self.assertIsNone(lab.obstacle(cases.Case("case", "true", needs), files, lab.Kvm("real"), "6.1"))
        self.assertIn("emulated", lab.obstacle(cases.Case("case", "true", ["lab"]), files, lab.Kvm("real"), "host"))
        excluded = cases.Case("one/if1", "true", excluded={"aarch64": "if1$"})
        self.assertIsNone(lab.obstacle(excluded, files, lab.Kvm("real"), "6.1"))
        self.assertIn("excluded", lab.obstacle(excluded, files, lab.Kvm("real"), "arm-6.1"))
        for name, need in (("6.1", "aarch64"), ("arm-6.1", "x86_64")):
            self.assertIn(f"is for {need}", lab.obstacle(cases.Case("case", "true", [need]), files, lab.Kvm("real"), name))
            self.assertIsNone(lab.obstacle(cases.Case("case", "true", [machine.architecture(name)]), files, lab.Kvm("real"), name))


class Machine(unittest.TestCase):
    """Cases that disturb run-cases (on the host) and a whole machine."""

    def work(self, directory, scripts, limit=20):
        made = [cases.Case(name, script, limit=limit) for name, script in scripts.items()]
        return {"lab/work": cases.write_work(made, Path(directory, "work"))}

    def run_here(self, script, limit=20):
        with tempfile.TemporaryDirectory() as scratch:
            results = Path(scratch, "results")
            try:
                machine.run_here(self.work(scratch, {"a/b": script}, limit), results)
            except machine.Unavailable as why:
                self.skipTest(str(why))
            return cases.Result.read(results / "a/b")

    def test_time_limit(self):
        result = self.run_here("sleep 60 & sleep 60", limit=1)
        self.assertTrue(result.timed_out)
        self.assertLess(result.seconds, 10)

    def test_left_behind(self):
        result = self.run_here("sleep 60 & echo >$TMPDIR/forgotten; exit 5")
        self.assertEqual(result.status, 5)
        self.assertEqual(result.left, ["a process sleep", "a temporary file forgotten"])

    def test_machine_that_stops_is_no_failing_case(self):
        with tempfile.TemporaryDirectory() as scratch:
            files = self.work(scratch, {"good": "true", "bad": "echo c >/proc/sysrq-trigger", "never": "true"})
            results = Path(scratch, "results")
            try:
                with self.assertRaisesRegex(machine.Hang, "stopped in case bad"):
                    machine.boot("6.12", files, dict.fromkeys(("good", "bad", "never"), 20), results)
            except machine.Unavailable as why:
                self.skipTest(str(why))
            self.assertEqual(cases.Result.read(results / "good").status, 0)
            self.assertFalse((results / "never").exists())

    def test_machine_that_hangs_is_no_failing_case(self):
        # The time limit inside the machine cannot end a case if the process that enforces it is stopped.
        with tempfile.TemporaryDirectory() as scratch, unittest.mock.patch.object(machine, "PATIENCE_SECONDS", 60):
            files = self.work(scratch, {"bad": "kill -STOP $PPID"})

            def lose_patience(case):
                machine.PATIENCE_SECONDS = 3

            try:
                with self.assertRaisesRegex(machine.Hang, "hangs in case bad"):
                    machine.boot("6.12", files, {"bad": 1}, Path(scratch, "results"), lose_patience)
            except machine.Unavailable as why:
                self.skipTest(str(why))


if __name__ == "__main__":
    unittest.main()
