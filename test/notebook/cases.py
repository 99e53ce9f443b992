#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The notebook driver on small notebooks: cases.py ENGINE PYTHON FOLDER. Says what is wrong; 1 if anything.

Each case is a notebook, the driver's options, and what must come of it: exit status, outcome, reason, how
many cells ran, what was printed, what is in the output notebook. Run four at a time: a kernel takes a second
or two to start.
"""
import concurrent.futures
import json
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
PARTS = [HERE.parent.parent / "agent/notebook/driver" / f"{p}.py" for p in ("base", "nbclient", "papermill", "main")]
DRIVER = "".join(p.read_text() for p in PARTS)
STUDIO = "python3__SAGEMAKER_INTERNAL__arn:aws:sagemaker:us-east-1:081325390199:image/datascience-1.0"


def made(*words):
    def write(path):
        subprocess.run([sys.executable, HERE / "make.py", path, *words], check=True)
    return write


def raw(data):
    return lambda path: path.write_bytes(data)


class Case:
    def __init__(self, notebook, status=0, outcome="ok", *, options=(), ran=None, reason="", stdout=None, at=None,
                 check=None, stderr=None, absent=False):
        self.notebook, self.status, self.outcome, self.options = notebook, status, outcome, options
        self.ran, self.reason, self.stdout, self.at, self.check = ran, reason, stdout, at, check
        self.stderr, self.absent = stderr, absent


def outputs(nb, i):
    return nb["cells"][i]["outputs"]


def text_of(output):
    return "".join(output["text"])


def one_stream(nb):
    """Ten flushes are one output."""
    return len(outputs(nb, 0)) == 1 and text_of(outputs(nb, 0)[0]).startswith("0\n1\n")


def has_picture(nb):
    return any("image/png" in o.get("data", {}) for o in outputs(nb, 0))


def unmarked(nb):
    return not any("papermill-error-cell-tag" in c["metadata"].get("tags", []) for c in nb["cells"])


def kept_first(nb):
    return any(text_of(o) == "kept\n" for c in nb["cells"] for o in c.get("outputs", [])
               if o["output_type"] == "stream")


CASES = {
    "passes": Case(made("x = 20", "md:text", "print(x + 1)"), ran=2, stdout=b"21\n",
                   stderr=r"^Executing: 100%\|##########\| 3/3 \["),
    "progress": Case(made("1", "2", "3", "4"), stderr=r"^Executing:   0%\|          \| 0/4 \[00:00<\?, \?cell/s\]$"),
    "fails": Case(made("print('kept')", "md:m", "1", "raise ValueError('no\\nsuch')", "print(2)"), 1, "error", ran=3,
                  at=4, reason=r"ValueError: no such \(cell 4, In \[3\]\)$", stdout=b"kept\n", check=kept_first),
    "exit 0": Case(made("import sys", "sys.exit(0)", "print('not reached')"), ran=2, stdout=b"", check=unmarked),
    "exit none": Case(made("import sys", "sys.exit()", "1"), ran=2, check=unmarked),
    "exit None": Case(made("import sys", "sys.exit(None)", "1"), ran=2, check=unmarked),
    "exit 3": Case(made("import sys", "sys.exit(3)", "1"), 1, "error", ran=2, at=2, reason="^SystemExit: 3 "),
    "_exit": Case(made("print('kept', flush=True); import time; time.sleep(.3)", "import os; os._exit(4)", "1"),
                  138, "dead_kernel", at=2, reason="^DeadKernelError: the kernel ", check=kept_first),
    "kill -9": Case(made("import os", "os.kill(os.getpid(), 9)", "1"), 138, "dead_kernel", at=2),
    "timeout": Case(made("print('kept')", "import time; time.sleep(60)", "1"), 124, "timeout", at=2,
                    options=("--timeout", "2"), reason="^CellTimeoutError: not done after 2 s ", check=kept_first),
    "in time": Case(made("import time; time.sleep(1)", "time.sleep(1)"), ran=2, options=("--timeout", "30")),
    "tagged": Case(made("tag=raises-exception:1/0", "print('on')"), ran=2, stdout=b"on\n", check=unmarked),
    "tagged, then fails": Case(made("tag=raises-exception:1/0", "1", "{}['k']"), 1, "error", at=3,
                               reason=r"^KeyError: 'k' \(cell 3, In \[3\]\)$"),
    "fails, then tagged": Case(made("{}['k']", "tag=raises-exception:1/0"), 1, "error", at=1, ran=1),
    "tagged, then exit 0": Case(made("tag=raises-exception:1/0", "import sys; sys.exit(0)", "1"), ran=2),
    "words of others": Case(made("class CellTimeoutError(Exception): pass\nraise CellTimeoutError('mine')"), 1,
                            "error", reason="^CellTimeoutError: mine "),
    "magic": Case(made("%no_such_magic", "1"), 1, "error", at=1),
    "shell": Case(made("!false", "print('on')"), ran=2, stdout=b"on\n"),
    "unknown kernel": Case(made("--kernelspec", "no-such", "1"), 1, "no_kernel", reason="no-such"),
    "unknown kernel, given": Case(made("1"), 1, "no_kernel", options=("--kernel", "nix"), reason="nix"),
    "Studio's name": Case(made("--kernelspec", STUDIO, "print(1)"), stdout=b"1\n",
                          options=("--kernel", "python3", "--language", "python")),
    "no kernelspec": Case(made("--kernelspec", "", "print(1)"), options=("--kernel", "python3"), stdout=b"1\n"),
    "not JSON": Case(raw(b"print(1)\n"), 1, "bad_notebook", reason="^NotJSONError: ", absent=True),
    "empty": Case(raw(b""), 1, "bad_notebook", reason="^NotJSONError: ", absent=True),
    "no cells": Case(made(), ran=0),
    "words only": Case(made("md:one", "md:two"), ran=0),
    "blank cells": Case(made("", " \n", "print(1)"), ran=1, stdout=b"1\n"),
    "input()": Case(made("input('name? ')"), 1, "error", reason="^StdinNotImplementedError: "),
    "many flushes": Case(made("for i in range(300):\n    print(i, flush=True)"), check=one_stream,
                         stdout="".join(f"{i}\n" for i in range(300)).encode()),
    "large": Case(made("print('x' * 20_000_000)"), stdout=b"x" * 20_000_000 + b"\n",
                  check=lambda nb: len(text_of(outputs(nb, 0)[0])) == 20_000_001),
    "no newline": Case(made("print('a', end='')", "print('b', end='')"), stdout=b"ab"),
    "bar": Case(made("for i in range(3):\n    print(f'\\r{i}/2', end='', flush=True)\nprint()"),
                stdout=b"\r0/2\r1/2\r2/2\n"),
    "folded": Case(made("for i in range(3):\n    print(f'\\r{i}/2', end='', flush=True)\nprint()", "print('a\\r\\nb')"),
                   stdout=b"2/2\na\nb\n", options=("--fold-cr",)),
    "unicode": Case(made("print('größe 日本 \U0001f600')"), stdout="größe 日本 \U0001f600\n".encode(),
                    check=lambda nb: text_of(outputs(nb, 0)[0]) == "größe 日本 \U0001f600\n"),
    "stderr": Case(made("import sys; print('to err', file=sys.stderr); print('to out')"), stdout=b"to out\n",
                   stderr="^to err$"),
    "picture": Case(made("%matplotlib inline\nimport matplotlib.pyplot as p\np.bar(['a', 'b'], [1, 2]); p.show()"),
                    check=has_picture),
    "files beside it": Case(made("import helper\nopen('made.txt', 'w').write(helper.WORD)\nprint(helper.WORD)"),
                            stdout=b"beside\n"),
    "leaves a process": Case(made("import subprocess\np = subprocess.Popen(['sleep', '1234'])\nprint(p.pid)")),
    **{f"nbformat 4.{n}": Case(made("--minor", str(n), "print(1)"), stdout=b"1\n",
                               check=lambda nb, n=n: nb["nbformat_minor"] >= n) for n in range(6)},
}
# What one engine only can do.
ONLY = {
    "nbclient": {
        "by SIGKILL": Case(made("import os; os.kill(os.getpid(), 9)"), 138, "dead_kernel",
                           reason="the kernel was killed by SIGKILL"),
        "by status": Case(made("import os; os._exit(4)"), 138, "dead_kernel",
                          reason="the kernel ended with exit status 4"),
        "default kernel": Case(made("--kernelspec", "", "print(1)"), stdout=b"1\n"),
        "not a notebook": Case(raw(b"[]"), 1, "bad_notebook", reason="is not a notebook", absent=True),
    },
    "papermill": {
        "no kernel named": Case(made("--kernelspec", "", "1"), 1, "no_kernel", absent=True,
                                reason="^ValueError: No kernel name found"),
        "marked": Case(made("1/0"), 1, "error", check=unmarked, reason="^ZeroDivisionError"),
    },
}
ONLY["papermill"]["marked"].check = lambda nb: not unmarked(nb) and len(nb["cells"]) == 3


def is_gone(pid):
    """Or dead, where nobody reaps orphans."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def problems(name, case, engine, python, folder):
    """What is wrong with one case, as text."""
    folder.mkdir(parents=True)
    (folder / "helper.py").write_text("WORD = 'beside'\n")
    for module in ("nbclient", "papermill"):  # beside the notebook: for its cells, not for the driver
        (folder / f"{module}.py").write_text("raise SystemExit('the wrong one')\n")
    source, output, told = folder / "in {0}{x}.ipynb", folder / "out {y}.ipynb", folder / "result.json"
    case.notebook(source)
    words = [python, "-c", DRIVER, "--engine", engine, "--result", told, *case.options, source.name, output.name]
    run = subprocess.run(words, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, timeout=90)
    stderr = run.stderr.decode()
    result = json.loads(told.read_text())
    nb = json.loads(output.read_text()) if output.exists() else None
    wrong = []

    def expect(true, what):
        if not true:
            wrong.append(what)

    expect(run.returncode == case.status, f"exit status {run.returncode}")
    expect(result["outcome"] == case.outcome, f"outcome {result['outcome']}")
    expect(case.ran is None or result["executed"] == case.ran, f"{result['executed']} cells ran")
    expect(case.at is None or result["failed_cell"] == case.at, f"failed cell {result['failed_cell']}")
    expect((result["reason"] is None) == (case.status == 0), f"reason {result['reason']}")
    expect(re.search(case.reason, result["reason"] or ""), f"reason {result['reason']}")
    expect("\n" not in (result["reason"] or ""), "reason of several lines")
    expect(case.stdout is None or run.stdout == case.stdout, f"stdout {run.stdout[:200]}")
    expect(case.stderr is None or re.search(case.stderr, stderr, re.M), "stderr")
    expect(("\r" not in stderr), "\\r on stderr")
    expect((nb is None) == case.absent, f"output notebook {'missing' if nb is None else 'there'}")
    expect(nb is None or case.check is None or case.check(nb), "output notebook is not as it should be")
    expect(not [p for p in folder.iterdir() if p.name.startswith(".procagent")], "temporary files are left")
    if name == "files beside it":
        expect((folder / "made.txt").exists(), "a file that a cell wrote is missing")
    if name == "leaves a process":
        expect(is_gone(int(run.stdout)), "a process that a cell started lives on")
    return [f"{name}: {w}" for w in wrong] + (["  " + line for line in stderr.splitlines()[-12:]] if wrong else [])


def main():
    engine, python, top = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
    cases = {**CASES, **ONLY[engine]}
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        runs = {n: pool.submit(problems, n, c, engine, python, top / str(i)) for i, (n, c) in enumerate(cases.items())}
        wrong = []
        for name, run in runs.items():
            try:
                wrong += run.result()
            except Exception as e:
                wrong.append(f"{name}: {e!r}")
    print("\n".join(wrong))
    print(f"{len(cases)} cases")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
