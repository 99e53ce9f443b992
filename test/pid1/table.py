#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Who passes what: the conformance cases for procagent and for the inits that are installed.

Usage: table.py OUTPUT.md [TRIES]   (TRIES for the others, default 60; procagent runs in full)
Each init runs in both modes at once, one init after the other. A cell says how it went as PID 1 and as
an ordinary process; "-" is a case that says nothing of this init, or that cannot be run here.
"""
import collections
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
CONFORM = TOP / "build/test/pid1/conform"
MODES = {"pid 1": "pid1", "plain": "plain"}
PEERS = [["tini", "-s"], ["tini", "-s", "-g"], ["dumb-init"], ["catatonit"], ["catatonit", "-g"]]
BOUND_S = 900  # for one init in one mode; each case has its own, much smaller bound
LINE = re.compile(r"^(ok|not ok) \d+ - (C\d\d) (?:\[\d+ tries\] )?(.*?) \((?:pid 1|plain)\)( # skip.*)?$")


def start(mode, arguments, init):
    out = tempfile.TemporaryFile("w+")
    command = ["timeout", "-k", "5", str(BOUND_S), CONFORM, "--mode", mode, *arguments, "--", *init, "--"]
    return out, subprocess.Popen(command, stdout=out, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)


def read(out):
    """{(case, name): (result, first note)} of one TAP stream."""
    results, last = {}, None
    out.seek(0)
    for line in out:
        found = LINE.match(line.rstrip("\n"))
        if found:
            last = (found.group(2), found.group(3))
            result = "-" if found.group(4) else "yes" if found.group(1) == "ok" else "no"
            results[last] = (result, "")
        elif line.startswith("# ") and last and not results[last][1]:
            note = re.sub(r"\S*/conform\.\w+(?:/job\.\w+)?", "WORK", line[2:].strip())
            results[last] = (results[last][0], note)
    return results


def measure(arguments, init):
    running = {shown: start(mode, arguments, init) for shown, mode in MODES.items()}
    results = {}
    for shown, (out, process) in running.items():
        process.wait()
        results[shown] = read(out)
        out.close()
    return results


def cell(results, line):
    values = [results[mode].get(line, ("?", ""))[0] for mode in MODES]
    return values[0] if values[0] == values[1] else " / ".join(values)


def passed(results, lines):
    """(cases all of whose lines passed, cases that apply)."""
    by_case = collections.defaultdict(list)
    for line in lines:
        for mode in MODES:
            by_case[line[0]].append(results[mode].get(line, ("?", ""))[0])
    applicable = [values for values in by_case.values() if any(v != "-" for v in values)]
    return sum(all(v in ("yes", "-") for v in values) for values in applicable), len(applicable)


def versions():
    for name in dict.fromkeys(peer[0] for peer in PEERS):
        if shutil.which(name):
            said = subprocess.run([name, "--version"], capture_output=True, text=True, check=False)
            yield (said.stdout + said.stderr).strip().splitlines()[0].strip()


def write(path, table, lines, tries):
    names = list(table)
    text = ["# Conformance, case by case", "",
            f"Written by test/pid1/table.py; tries of C09 and C21 for the others: {tries}. "
            "One word: as PID 1 and as an ordinary process alike; two: PID 1 / ordinary. "
            "\"-\": about stages that this init does not have, or about the other mode.", "",
            "Versions: " + ", ".join(versions()) + ".", "",
            "| case | " + " | ".join(names) + " |", "|---|" + "---|" * len(names)]
    for line in lines:
        text.append(f"| {line[0]} {line[1]} | " + " | ".join(cell(table[n], line) for n in names) + " |")
    totals = ["{} of {}".format(*passed(table[n], lines)) for n in names]
    text.append("| **cases passed in full** | " + " | ".join(totals) + " |")
    text += ["", "## What failed", ""]
    for name in names:
        for line in lines:
            notes = [(mode, *table[name][mode].get(line, ("no", "no result"))) for mode in MODES]
            told = [f"{note} ({mode})" for mode, result, note in notes if result == "no"]
            if told:
                text.append(f"- {name}, {line[0]} {line[1]}: " + "; ".join(told))
    path.write_text("\n".join(text) + "\n", encoding="utf-8")


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    tries = sys.argv[2] if len(sys.argv) > 2 else "60"
    table = {"procagent": measure([], [str(TOP / "build/procagent"), "run"])}
    for peer in PEERS:
        if shutil.which(peer[0]):
            table[" ".join(peer)] = measure(["--peer", "--tries", tries], peer)
    lines = sorted(table["procagent"]["plain"], key=lambda line: line[0])
    write(pathlib.Path(sys.argv[1]), table, lines, tries)


if __name__ == "__main__":
    main()
