"""Common functions of the programs that measure virtual machine monitors: see README.md."""

import functools
import json
import os
import platform
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "testing/lab"))
import cases  # noqa: E402
import machine  # noqa: E402

UHYVE = "0.10.0"
RESAMPLINGS = 1000


def say(*words):
    print(f"{Path(sys.argv[0]).name}:", *words, file=sys.stderr, flush=True)


def cache():
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


def uhyve():
    """Returns Uhyve, which cargo builds the first time. None without cargo."""
    root = cache() / f"hermitage-bench/uhyve-{UHYVE}"
    built = root / "bin/uhyve"
    if built.exists():
        return built
    cargo = shutil.which("cargo") or shutil.which("cargo", path=str(Path.home() / ".cargo/bin"))
    if not cargo:
        say("Uhyve is left out: there is no cargo to build it")
        return None
    say(f"building Uhyve {UHYVE}, which takes minutes, into {root}")
    command = ["nice", cargo, "install", "--quiet", "--locked", "uhyve", "--version", UHYVE, "--root", root]
    if subprocess.run(command, stdout=sys.stderr).returncode:
        say("Uhyve is left out: it could not be built")
        return None
    return built


def hermitage(programs):
    """Returns the program hermitage, if it can run kernels."""
    program = programs / "hermitage"
    if "\n  run " not in subprocess.run([program, "--help"], capture_output=True, text=True).stdout:
        say("hermitage is left out: it has no command run")
        return None
    return program


def are_there(files, target):
    """Prints which of the files of a make target is missing."""
    missing = [file for file in files if not file.exists()]
    if missing:
        say(f"there is no {missing[0]}; make {target} builds it")
    return not missing


def lines(subjects):
    """Returns the input of vmm_measure and net_measure. subjects: name → arguments."""
    return "".join("\t".join([name, *map(str, words)]) + "\n" for name, words in subjects.items())


def in_the_lab(kernel, script, stdin, limit, files, emulation):
    """Returns the output of a script in one boot of an emulated machine with real KVM. None without such a machine."""
    case = cases.Case("bench", script, stdin=stdin, limit=limit)
    with tempfile.TemporaryDirectory() as scratch:
        results = Path(scratch, "results")
        try:
            machine.boot(kernel, {**files, "lab/work": cases.write_work([case], Path(scratch, "work"))},
                         {case.name: limit}, results, emulation=emulation)
        except machine.Unavailable as why:
            say(f"not measured in the lab: {why}")
            return None
        output = results / case.name
        print((output / "stderr").read_text(), end="", file=sys.stderr)
        return (output / "stdout").read_text()


def summary(runs, figures):
    """Returns title → monitor → figure → median and its samples. runs: for each, its subject (title:monitor), its
    failure or None, and its figures, some of which may be None."""
    by_subject = {}
    for run in runs:
        title, _, monitor = run["subject"].partition(":")
        by_subject.setdefault(title, {}).setdefault(monitor, []).append(run)
    result = {}
    for title, monitors in by_subject.items():
        for monitor, of_it in monitors.items():
            failures = [run["failure"] for run in of_it if run["failure"]]
            if failures:
                say(f"{title}: {monitor} failed in {len(failures)} of {len(of_it)} runs: {failures[0]}")
            good = [run for run in of_it if not run["failure"]]
            samples = {figure: [run[figure] for run in good if run[figure] is not None] for figure in figures}
            result.setdefault(title, {})[monitor] = {
                figure: {"median": statistics.median(values), "samples": values} if values else None
                for figure, values in samples.items()}
    return result


def with_ranges(where, measured, goals_of):
    """Returns the goals, each with a 95% confidence interval from resampling of the samples (bootstrap).
    goals_of takes `where` and a function median(title, monitor, figure), which may return None. It returns the name of
    each goal → its value, and its limit."""
    def medians(sampled):
        @functools.cache
        def median(title, monitor, figure):
            figures = measured.get(title, {}).get(monitor, {}).get(figure)
            return statistics.median(sampled(figures["samples"])) if figures else None
        return median

    chance = random.Random(1)
    drawn = [goals_of(where, medians(lambda samples: chance.choices(samples, k=len(samples)))) for _ in range(RESAMPLINGS)]
    result = []
    for what, (value, goal) in goals_of(where, medians(lambda samples: samples)).items():
        values = sorted(of_all[what][0] for of_all in drawn)
        low, high = values[RESAMPLINGS * 25 // 1000], values[RESAMPLINGS * 975 // 1000]
        result.append({"where": where, "what": what, "value": round(value, 3), "low": round(low, 3),
                       "high": round(high, 3), "goal": goal})
    return result


def print_goals(goals):
    if goals:
        print("\nGoals")
    for goal in goals:
        met = "met" if goal["value"] <= goal["goal"] else "MISSED"
        print(f"  {goal['where']}: {goal['what']}: {goal['value']}, in {goal['low']} to {goal['high']} "
              f"(at most {goal['goal']}): {met}")


def write(output, lab_kernel, results):
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps({"machine": {"kernel": platform.release(), "lab_kernel": lab_kernel}, **results}, indent=1))


def run_main(main):
    """Exits with the exit status of main, or with 1 if the lab hangs."""
    try:
        sys.exit(main())
    except machine.Hang as error:
        say(error)
        sys.exit(1)
