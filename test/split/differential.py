#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Random folders: `procagent partition` against oracle.py, byte for byte, and against Python's csv module.

Usage: differential.py --agent FILE --work DIR [--seed N] [--runs N]
Every run is one seed: the same seed makes the same case. Without --agent only the oracle is compared with the
csv module. One run in three has a fault in one row. Exit status 1 when anything differs; the folder of a case
that differs is kept, in DIR/SEED. The last lines count what was tested.
"""
import argparse
import collections
import csv
import gzip
import io
import json
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import urllib.parse

import cases
import faults
import oracle

LIMIT = 180  # seconds for one run of the agent


class Differs(Exception):
    """The agent did something else than it must."""


def expect(fine, text):
    if not fine:
        raise Differs(text)


def near(ours, theirs):
    """Where two texts part."""
    at = next((i for i, (a, b) in enumerate(zip(ours, theirs)) if a != b), min(len(ours), len(theirs)))
    start = max(at - 40, 0)
    return (f"at byte {at} of {len(ours)} expected, {len(theirs)} found:\n"
            f"    expected {bytes(ours[start:at + 60])!r}\n    found    {bytes(theirs[start:at + 60])!r}")


# ---- the folder and the agent ----

def put_files(folder, files):
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)


def snapshot(folder):
    """Every name with its mode, and what is in it."""
    out = {}
    for path in sorted(folder.rglob("*")):
        data = path.read_bytes() if path.is_file() else None
        out[path.relative_to(folder).as_posix()] = (path.lstat().st_mode, data)
    return out


def clean(case_dir):
    left = [str(p) for p in case_dir.rglob(".procagent-*")]
    expect(not left, f"left behind: {left}")
    names = {p.name for p in case_dir.iterdir()}
    expect(names == {"dir"}, f"beside the folder: {names}")


def agent(args, case, folder, *more):
    env = {k: v for k, v in os.environ.items() if not k.startswith("PROCAGENT_")}
    env["LC_ALL"] = "C.UTF-8"
    command = [args.agent, "partition", "--json", *more, *case.arguments(), str(folder)]
    return subprocess.run(command, env=env, stdin=subprocess.DEVNULL, capture_output=True, timeout=LIMIT,
                          check=False)


def said(done):
    return done.stderr.decode("utf-8", "replace")[-2000:]


# ---- good cases ----

def uncompressed(path):
    data = path.read_bytes()
    return gzip.decompress(data) if path.name.endswith(".gz") else data


def compare_files(folder, result, compressed):
    found = {p.relative_to(folder).as_posix(): p for p in folder.rglob("*") if p.is_file()}
    missing, more = sorted(set(result.files) - set(found)), sorted(set(found) - set(result.files))
    expect(not missing and not more,
           f"files: missing {missing[:5]} ({len(missing)}), unexpected {more[:5]} ({len(more)})")
    for path, data in result.files.items():
        there = uncompressed(found[path]) if compressed else found[path].read_bytes()
        expect(there == data, f"{path}: {near(data, there)}")
    used = {p.rsplit("/", i)[0] for p in found for i in range(1, p.count("/") + 1)}
    folders = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_dir()}
    expect(folders == used, f"empty folders: {sorted(folders - used)[:5]}")


def compare_report(done, folder, case, result, dry=False):
    try:
        report = json.loads(done.stdout)
    except ValueError:
        raise Differs(f"--json: {done.stdout[:300]!r}") from None
    keys = ["version", "dir", "dry_run", "layout", "partitions", "split", "moved", "rows_in", "rows_out",
            "rows_rejected", "blank_lines"]
    expect(sorted(report) == sorted(keys), f"members of the report: {sorted(report)}")
    expect(report["version"] == 1 and report["dry_run"] is dry and report["layout"] == case.opt.layout and
           report["moved"] == 0 and os.path.samefile(report["dir"], folder),
           f"report: {str({k: v for k, v in report.items() if k != 'partitions'})}")
    for key in ("rows_in", "rows_out", "rows_rejected", "blank_lines"):
        expect(report[key] == getattr(result, key), f"{key}: {report[key]}, expected {getattr(result, key)}")
    expect(report["rows_in"] == report["rows_out"] + report["rows_rejected"], "rows are not conserved")
    # Whether a file without a row counts as split is nobody's promise.
    expect(result.split <= report["split"] <= result.split + result.without_rows, f"split: {report['split']}")
    rows = {p["path"]: p["rows"] for p in report["partitions"]}
    expect(rows == result.leaves, f"partitions: {near_rows(result.leaves, rows)}")
    expect([p["path"].encode() for p in report["partitions"]] == sorted(k.encode() for k in rows),
           "partitions are not sorted")
    for p in report["partitions"] if not dry else []:
        sizes = [f.stat().st_size for f in (folder / p["path"]).iterdir() if f.is_file()]
        expect(p["files"] == len(sizes) and p["bytes"] == sum(sizes), f"facts of {p}: {len(sizes)}, {sum(sizes)}")


def near_rows(expected, found):
    differ = [k for k in sorted(set(expected) | set(found)) if expected.get(k) != found.get(k)]
    return [(k, expected.get(k), found.get(k)) for k in differ[:3]]


# ---- read back, without the oracle's scanner ----

def read_csv(data, opt, delimiter, columns):
    style = {"quoting": csv.QUOTE_NONE, "quotechar": None} if not opt.quote else {"quotechar": opt.quote.decode()}
    text = io.StringIO(data.decode("latin-1"), newline="")
    rows = csv.reader(text, delimiter=delimiter.decode(), **style)
    return [tuple(r or [""]) for r in rows if r or columns == 1]


def plain_levels(opt):
    """{level's key: column} when every level is just one column as it is; else None."""
    out = {}
    for key, parts in oracle.layout_levels(opt.layout):
        if len(parts) != 1 or parts[0][0] != "column" or parts[0][2]:
            return None
        out[key] = parts[0][1]
    return out if opt.null is None and not opt.keep_columns else None


def read_back(folder, case, compressed):
    """The input's rows are those of the partitions with the values of their folders' names put back in."""
    opt = case.opt
    levels = plain_levels(opt)
    if not levels or any(oracle.kind_of(p, opt) == "jsonl" for p in case.files if not oracle.hidden(p)):
        return False
    rows_in, rows_out, keys = collections.Counter(), collections.Counter(), None
    for path, data in case.files.items():
        if oracle.hidden(path):
            continue
        delimiter = opt.delimiter or (b"\t" if oracle.kind_of(path, opt) == "tsv" else b",")
        source = oracle.Source(gzip.decompress(data) if path.endswith(".gz") else data, opt, delimiter)
        if source.rows:
            keys = {key: source.column(name) for key, name in levels.items()}
        rows = read_csv(source.data, opt, delimiter, source.count)
        rows_in.update(rows[1:] if opt.header else rows)
        name = oracle.target_name(path, opt, {})
        for part in folder.rglob(name.rsplit(".csv", 1)[0] + "*") if source.rows else []:
            stem = re.sub(r"-\d{5}(?=\.)", "", part.name) if opt.max_file_size else part.name
            if not part.is_file() or stem != name:
                continue
            rows = read_csv(uncompressed(part) if compressed else part.read_bytes(), opt, delimiter,
                            source.count - len(keys))
            values = [level.split("=", 1) for level in part.parent.relative_to(folder).parts]
            for row in rows[1:] if opt.header else rows:
                row = list(row)
                for k, text in sorted((keys[key], text) for key, text in values):
                    row.insert(k, unescape(text))
                rows_out[tuple(row)] += 1
    expect(rows_in == rows_out, f"read back: {list((rows_in - rows_out).items())[:2]} are missing, "
           f"{list((rows_out - rows_in).items())[:2]} are new")
    return True


def unescape(text):
    if text.encode() == oracle.SENTINEL:
        return ""
    return urllib.parse.unquote_to_bytes(text).decode("latin-1")


# ---- runs ----

def oracle_agrees(case):
    for path, data in case.files.items():
        kind = oracle.kind_of(path, case.opt) if not oracle.hidden(path) else "jsonl"
        if kind != "jsonl":
            data = gzip.decompress(data) if path.endswith(".gz") else data
            source = oracle.Source(data, case.opt, case.opt.delimiter or (b"\t" if kind == "tsv" else b","))
            expect(oracle.values_agree(source, case.opt), f"{path}: the oracle reads other values than csv")


def good(args, rng, case, case_dir, counts):
    folder = case_dir / "dir"
    result = oracle.split(case.files, case.opt)
    if rng.random() < 0.2:
        before = snapshot(folder)
        done = agent(args, case, folder, "--dry-run")
        expect(done.returncode == 0, f"dry run: status {done.returncode}: {said(done)}")
        expect(snapshot(folder) == before, "a dry run changed the folder")
        compare_report(done, folder, case, result, dry=True)
        counts["dry run"] += 1
    done = agent(args, case, folder)
    expect(done.returncode == 0, f"status {done.returncode}: {said(done)}")
    check_result(done, case, case_dir, result)
    if result.without_rows:
        expect("warning" in said(done), f"no warning of files without rows: {said(done)}")
    counts["read back with csv"] += read_back(folder, case, case.opt.compress)
    if rng.random() < 0.3:
        again(args, case, folder)
        counts["run again"] += 1
    counts["rows"] += result.rows_in
    counts["partitions"] += len(result.leaves)


def check_result(done, case, case_dir, result):
    compare_files(case_dir / "dir", result, case.opt.compress)
    compare_report(done, case_dir / "dir", case, result)
    clean(case_dir)


def again(args, case, folder):
    before = snapshot(folder)
    done = agent(args, case, folder)
    expect(done.returncode == 0, f"again: status {done.returncode}: {said(done)}")
    expect(snapshot(folder) == before, "a second run changed the folder")
    expect(json.loads(done.stdout)["split"] == 0, "a second run split something")


def faulty(args, case, case_dir, fault, counts):
    """Refused, with the folder as it was; then with on_bad_row=reject."""
    kind, path, row = fault
    folder = case_dir / "dir"
    try:
        oracle.split(case.files, case.opt)
        raise Differs(f"{kind} in {path}, row {row}: the oracle sees no fault")
    except oracle.Refused as refused:
        expect((refused.name, refused.row) == (path, row), f"the oracle: {refused}, put into {path}, row {row}")
        value = refused.value
    before = snapshot(folder)
    done = agent(args, case, folder)
    expect(done.returncode == 125, f"{kind} in {path}, row {row}: status {done.returncode}: {said(done)}")
    errors = re.findall(r"^procagent: (?:[a-z]+: )?error: .*$", said(done), re.M)
    expect(len(errors) == 1, f"{kind}: {len(errors)} error lines: {said(done)}")
    expect(re.search(rf"\brow {row}\b", errors[0]), f"{kind}: not of row {row}: {errors[0]}")
    expect(path in errors[0], f"{kind}: {path} is not named: {errors[0]}")
    if kind == "bad date":
        expect(value.decode() in errors[0], f"{kind}: {value} is not named: {errors[0]}")
    after = snapshot(folder)
    expect(after == before, f"{kind}: the folder was changed: {sorted(set(after) ^ set(before))[:5]}")
    clean(case_dir)
    counts[f"refused: {kind}"] += 1
    case.opt.reject = True
    result = oracle.split(case.files, case.opt)
    done = agent(args, case, folder)
    expect(done.returncode == 0, f"reject {kind} in {path}, row {row}: status {done.returncode}: {said(done)}")
    expect(result.rows_rejected == 1, f"the oracle rejects {result.rows_rejected} rows")
    check_result(done, case, case_dir, result)
    counts[f"rejected: {kind}"] += 1


def one(args, seed, counts):
    case = cases.make(seed)
    rng = random.Random(f"run {seed}")
    fault = faults.inject(rng, case) if seed % 3 == 2 else None
    case_dir = args.work / str(seed)
    shutil.rmtree(case_dir, ignore_errors=True)
    try:
        if not fault:
            oracle_agrees(case)
        if args.agent:
            put_files(case_dir / "dir", case.files)
            if fault:
                faulty(args, case, case_dir, fault, counts)
            else:
                good(args, rng, case, case_dir, counts)
            shutil.rmtree(case_dir)
    except (Differs, oracle.Refused, OSError, UnicodeError, subprocess.TimeoutExpired) as e:
        print(f"seed {seed}: {e}\n  arguments: {case.arguments()}\n  of: {sorted(case.dims)}", flush=True)
        return False
    counts.update(case.dims)
    return True


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--agent", type=os.path.abspath)
    parser.add_argument("--work", type=pathlib.Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--runs", type=int, default=300)
    args = parser.parse_args()
    counts = collections.Counter()
    wrong = sum(not one(args, seed, counts) for seed in range(args.seed, args.seed + args.runs))
    for name, n in sorted(counts.items()):
        print(f"{n:9d} {name}")
    print(f"{args.runs} runs from seed {args.seed}, {wrong} differ" +
          ("" if args.agent else "; the oracle and csv only: no --agent"))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
