"""Cases: scripts to run, and their expected results. README.md describes their syntax."""

import itertools
import json
import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

KEYS = {"run", "each", "needs", "stdin", "exit", "limit", "expect", "attempts", "excluded"}
VERBS = {"is", "contains", "lacks", "matches", "json"}
LIMIT_SECONDS = 30


class Mistake(Exception):
    """A case file with an invalid value."""


@dataclass
class Case:
    name: str
    run: str
    needs: list = field(default_factory=list)
    stdin: str | None = None
    # An exit status, or a list of permitted ones.
    exit: int | list = 0
    limit: int = LIMIT_SECONDS
    # The number of attempts until the exit status is correct. Emulated time differs from real time.
    attempts: int = 1
    # architecture → a regular expression: cases with such a name do not run on it
    excluded: dict = field(default_factory=dict)
    # subject ("stdout", "stderr" or a file that the case creates) → verb → texts
    expect: dict = field(default_factory=dict)


def substitute(value, choice):
    """Replaces every @NAME@ by its selected value, in all strings of a value."""
    if isinstance(value, str):
        return re.sub(r"@(\w+)@", lambda match: str(choice.get(match[1], match[0])), value)
    if isinstance(value, list):
        return [substitute(item, choice) for item in value]
    if isinstance(value, dict):
        return {key: substitute(item, choice) for key, item in value.items()}
    return value


def choices(each):
    """Returns all combinations of a table of variables, as (part of the name, values)."""
    def named(values):
        return list(values.items()) if isinstance(values, dict) else [(str(value), value) for value in values]

    for combination in itertools.product(*(named(values) for values in each.values())):
        yield "".join(f"/{name}" for name, _ in combination), {
            key: value for key, (_, value) in zip(each, combination)}


def check(name, table):
    unknown = set(table) - KEYS
    if unknown:
        raise Mistake(f"{name}: there is no key {', '.join(sorted(unknown))}; there are {', '.join(sorted(KEYS))}")
    if not isinstance(table.get("run"), str):
        raise Mistake(f"{name}: run has to be a shell script")
    if not re.fullmatch(r"[\w.+-]+", name):
        raise Mistake(f"{name}: a name is made of letters, digits and . _ + -")
    for subject, verbs in table.get("expect", {}).items():
        unknown = set(verbs) - VERBS if isinstance(verbs, dict) else {str(verbs)}
        if unknown:
            raise Mistake(f"{name}: {subject} cannot be checked by {', '.join(unknown)}, "
                          f"only by {', '.join(sorted(VERBS))}")


def read(file):
    """Returns all cases of a file, in order."""
    try:
        tables = tomllib.loads(Path(file).read_text())
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise Mistake(f"{file}: {error}") from error
    for name, table in tables.items():
        try:
            check(name, table)
        except Mistake as mistake:
            raise Mistake(f"{file}: {mistake}") from None
        each = table.pop("each", {})
        for suffix, choice in choices(each):
            yield Case(name + suffix, **substitute(table, choice))


def read_all(files):
    cases = [case for file in files for case in read(file)]
    names = [case.name for case in cases]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise Mistake(f"more than one case is called {', '.join(sorted(twice))}")
    return cases


def listed(value):
    return value if isinstance(value, list) else [value]


def write_work(cases, directory, where=None):
    """Writes the input of run-cases. where: the directory to run the cases in; default: a separate one for each."""
    for case in cases:
        place = directory / case.name
        place.mkdir(parents=True)
        (place / "run").write_text(case.run + "\n")
        (place / "plan").write_text(f"{case.limit} {','.join(map(str, listed(case.exit)))} {case.attempts}\n")
        if case.stdin is not None:
            (place / "stdin").write_text(case.stdin, errors="surrogateescape")
        if where:
            (place / "directory").write_text(where)
    (directory / "order").write_text("".join(f"{case.name}\n" for case in cases))
    return directory


@dataclass
class Result:
    """The results of a case from run-cases."""
    status: int = -1
    seconds: float = 0
    timed_out: bool = False
    attempts: int = 1
    left: list = field(default_factory=list)

    @staticmethod
    def read(directory):
        result = Result()
        for line in (directory / "result").read_text(errors="replace").splitlines():
            key, _, value = line.partition(" ")
            match key:
                case "status":
                    result.status = int(value)
                case "seconds":
                    result.seconds = float(value)
                case "attempts":
                    result.attempts = int(value)
                case "timed_out":
                    result.timed_out = True
                case "left_process":
                    result.left.append(f"a process {value}")
                case "left_file":
                    result.left.append(f"a temporary file {value}")
        return result


def json_at(document, path):
    for key in path.split("."):
        document = document[int(key)] if isinstance(document, list) else document[key]
    return document


def unmet_json(text, expected):
    try:
        document = json.loads(text)
    except ValueError as error:
        yield f"is not JSON: {error}"
        return
    for path, value in expected.items():
        try:
            found = json_at(document, path)
        except (KeyError, IndexError, TypeError, ValueError):
            yield f"has no {path}"
            continue
        if found != value:
            yield f"has {path} = {json.dumps(found)}, not {json.dumps(value)}"


def unmet_of(text, verb, expected):
    """Returns the differences between a text and its expectations."""
    match verb:
        case "is":
            if text != expected:
                yield f"is not {expected!r}"
        case "contains":
            yield from (f"does not contain {part!r}" for part in listed(expected) if part not in text)
        case "lacks":
            yield from (f"contains {part!r}" for part in listed(expected) if part in text)
        case "matches":
            yield from (f"does not match {part!r}" for part in listed(expected)
                        if not re.search(part, text, re.MULTILINE))
        case "json":
            yield from unmet_json(text, expected)


def judge(case, directory):
    """Returns the errors in the results of a case. Empty if it passed."""
    result = Result.read(directory)
    if result.timed_out:
        yield f"did not end within {case.limit} s"
    elif result.status not in listed(case.exit):
        yield f"exit status {result.status}, not {' or '.join(map(str, listed(case.exit)))}"
    yield from (f"left behind: {what}" for what in result.left)
    for subject, verbs in case.expect.items():
        file = directory / subject if subject in ("stdout", "stderr") else directory / "files" / subject
        if not file.is_file():
            yield f"left no file {subject}"
            continue
        text = file.read_text(errors="replace")
        for verb, expected in verbs.items():
            yield from (f"{subject} {what}" for what in unmet_of(text, verb, expected))
