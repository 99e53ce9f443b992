#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the notebook driver relies on in papermill, asked of papermill itself (or of its stand-in):
table.py PYTHON FOLDER. The rows were measured of papermill 2.6.0.
"""
import json
import pathlib
import subprocess
import sys

MAKE = pathlib.Path(__file__).resolve().parent / "make.py"
# name: (cells and options of make.py, papermill's options, exit status, word on stderr, markers,
#        status of each cell, which cells have an execution count); None: no output notebook
ROWS = {
    "passes": (["1", "2"], [], 0, "Executing:", 0, ["completed", "completed"], [1, 1]),
    "raises": (["1", "1/0", "3"], [], 1, "ZeroDivisionError", 2, ["completed", "failed", "pending"], [1, 1, 0]),
    "exit 3": (["import sys; sys.exit(3)", "2"], [], 1, "SystemExit", 2, ["failed", "pending"], [1, 0]),
    "exit 0": (["import sys; sys.exit(0)", "2"], [], 0, "", 0, ["failed", "pending"], [1, 0]),
    "tagged": (["tag=raises-exception:1/0", "2"], [], 1, "ZeroDivisionError", 2, ["completed", "completed"], [1, 1]),
    "dies": (["1", "import os, time; time.sleep(.3); os._exit(1)", "3"], [], 138, "DeadKernelError", 0,
             ["completed"] * 3, [1, 1, 0]),
    "timeout": (["import time; time.sleep(60)", "2"], ["--execution-timeout", "2"], 1, "CellTimeoutError", 0,
                ["completed"] * 2, [1, 0]),
    "unknown kernel": (["1"], ["-k", "nix"], 1, "NoSuchKernel", 0, ["completed"], [0]),
    "no kernelspec": (["--kernelspec", "", "1"], [], 1, "No kernel name found", None, None, None),
    "not JSON": (None, [], 1, "NotJSONError", None, None, None),
}


def facts_of(path):
    if not path.exists():
        return None, None, None
    cells = json.loads(path.read_text())["cells"]
    marked = [c for c in cells if "papermill-error-cell-tag" in c["metadata"].get("tags", [])]
    cells = [c for c in cells if c not in marked]
    return (len(marked), [c["metadata"]["papermill"]["status"] for c in cells],
            [int(c["execution_count"] is not None) for c in cells])


def main():
    python, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    wrong = 0
    for name, (words, options, status, said, *facts) in ROWS.items():
        source, output = folder / "in.ipynb", folder / f"{name}.ipynb"
        if words is None:
            source.write_text("no notebook")
        else:
            subprocess.run([sys.executable, MAKE, source, *words], check=True)
        run = subprocess.run([python, "-m", "papermill", *options, source, output], capture_output=True,
                             stdin=subprocess.DEVNULL, timeout=90, cwd=folder)
        got = (run.returncode, said in run.stderr.decode(), *facts_of(output))
        if got != (status, True, *facts):
            wrong += 1
            print(f"{name}: {got} instead of {(status, True, *facts)}")
    return 1 if wrong else 0


sys.exit(main())
