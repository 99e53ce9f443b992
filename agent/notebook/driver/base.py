# SPDX-License-Identifier: MIT
"""Runs a notebook: PYTHON -c <this text> [OPTION]... IN.ipynb OUT.ipynb, in the notebook's folder.

This text is the files of this folder, one after the other: base, nbclient, papermill, main; they share
one namespace. Embedded in the agent, which has already put the parameters into IN. Two engines: papermill's own
command line as a child, or nbclient in this process. Either way what cells print arrives live and
unaltered, progress is one line a cell, what was computed is on disk every few seconds and at any end,
no kernel outlives this program, and the exit status is the truth: 0, 1 a cell failed or the engine did,
124 a cell ran out of time, 130 interrupted (INT or TERM), 138 the kernel died. Python 3.8 or newer.
"""
import sys

# -c puts the working directory first: a json.py beside the notebook is for its cells, not for us.
sys.path[:] = [p for p in sys.path if p not in ("", ".")]

import json  # noqa: E402
import os  # noqa: E402
import re  # noqa: E402
import signal  # noqa: E402
import time  # noqa: E402

STATUS = {"ok": 0, "error": 1, "timeout": 124, "interrupted": 130, "dead_kernel": 138, "no_kernel": 1,
          "bad_notebook": 1, "engine": 1}
REASON_MAX = 600  # of evalue and reason: the caller has about 1000 bytes for it all
TAIL_MAX = 65536  # of papermill's stderr, kept to find out what went wrong
SHUTDOWN = 2  # seconds an interrupted or timed-out kernel gets to end by itself
STEPS = ((3, "INT"), (5, "TERM"), (9, "KILL"))  # seconds after a signal, and what papermill gets then
FOLD_EVERY = 10  # seconds between lines of one folded bar
MARKER = "papermill-error-cell-tag"  # the two cells that papermill adds to a failed notebook
# Kernels choose ports before they bind them: another program may be faster. Tried twice.
NOT_STARTED = "Kernel died before replying"
ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


class Stopped(BaseException):
    """INT or TERM arrived outside of the engines' own handling."""


class Failed(Exception):
    """An end other than success, as a word of STATUS."""

    def __init__(self, outcome, ename, evalue):
        super().__init__(evalue)
        self.outcome, self.ename, self.evalue = outcome, ename, evalue


def probe():
    """What this interpreter has, without importing any of it (an import takes up to a second)."""
    from importlib.util import find_spec
    found = {m: find_spec(m) is not None
             for m in ("papermill", "nbclient", "nbformat", "ipykernel", "nbconvert")}
    found.update(version=list(sys.version_info[:2]), prefix=sys.prefix)
    print(json.dumps(found))
    return 0


# ---- small things ----

def one_line(text, limit=REASON_MAX):
    text = " ".join(ANSI.sub("", str(text)).split())
    return text if len(text) <= limit else text[:limit - 3] + "..."


def write_file(path, text):
    """Complete or not at all; an existing file's mode is kept."""
    temporary = os.path.join(os.path.dirname(path), ".procagent-%d.tmp" % os.getpid())
    try:
        # A lone surrogate becomes \udXXX, which in JSON is what it was.
        with open(temporary, "w", encoding="utf-8", errors="backslashreplace", newline="") as f:
            try:
                os.fchmod(f.fileno(), os.stat(path).st_mode & 0o7777)
            except OSError:
                pass  # new, or a filesystem without modes
            f.write(text)
        os.replace(temporary, path)
    except BaseException:
        try:
            os.unlink(temporary)
        except OSError:
            pass
        raise


LOG = []  # the descriptor of a file that gets all that is printed; empty: none


def write_all(fd, data):
    """To our stdout or stderr, and the log. A reader that went away must not end the notebook."""
    if LOG and fd != LOG[0]:
        write_all(LOG[0], data)
    view = memoryview(data)
    try:
        while view:
            view = view[os.write(fd, view):]
    except OSError:
        pass


def say(text):
    write_all(2, (text + "\n").encode("utf-8", "backslashreplace"))


def oom_kills(root="/sys/fs/cgroup"):
    """How often the kernel killed in our memory cgroup (v2, then v1); 0 where that is not to be known."""
    places = [os.path.join(root, "memory.events"), os.path.join(root, "memory", "memory.oom_control")]
    try:
        with open("/proc/self/cgroup") as f:
            own = [line.rstrip("\n").split(":", 2) for line in f]
    except OSError:
        own = []
    for _, kind, path in own:
        if kind == "":
            places.insert(0, os.path.join(root, path.lstrip("/"), "memory.events"))
        elif "memory" in kind.split(","):
            places.append(os.path.join(root, "memory", path.lstrip("/"), "memory.oom_control"))
    for place in places:
        try:
            with open(place) as f:
                found = re.search(r"^oom_kill (\d+)", f.read(), re.M)
        except OSError:
            continue
        if found:
            return int(found.group(1))
    return 0


def how_it_died(returncode, kills_before):
    """A dead kernel in words; returncode as of subprocess, None when unknown."""
    how = "the kernel died"
    if returncode is not None and returncode < 0:
        try:
            how = "the kernel was killed by " + signal.Signals(-returncode).name
        except ValueError:
            how = "the kernel was killed by signal %d" % -returncode
    elif returncode is not None:
        how = "the kernel ended with exit status %d" % returncode
    return how + (": out of memory" if oom_kills() > kills_before else "")


def to_run(cell):
    """Whether the engines run this cell: code, not blank, not tagged to be skipped."""
    return (cell["cell_type"] == "code" and "".join(cell["source"]).strip() != ""
            and "skip-execution" not in tags_of(cell))


def tags_of(cell):
    return cell.get("metadata", {}).get("tags", [])


def errors_of(cell):
    return [o for o in cell.get("outputs", []) if o.get("output_type") == "error"]


def soft_exit(ename, evalue):
    """sys.exit(), sys.exit(0): the author's way to stop early, not a failure."""
    return ename == "SystemExit" and evalue in ("", "0", "None")


def locate(result, cells, at):
    """The numbers of a run, which failed in the cell with index 'at' (None: in none)."""
    wanted = [c for c in cells if to_run(c)]
    result["cells"] = len(wanted)
    result["executed"] = sum(1 for c in wanted if c.get("execution_count") is not None)
    if at is not None:  # a kernel that dies at once has not told the number
        count = cells[at].get("execution_count")
        result["failed_cell"], result["in"] = at + 1, count if count is not None else result["executed"] + 1


# ---- progress, and bars of the user's ----

def clock(seconds):
    minutes, seconds = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return "%d:%02d:%02d" % (hours, minutes, seconds) if hours else "%02d:%02d" % (minutes, seconds)


def bar_line(done, total, tail):
    """In the shape of tqdm, which the services' metrics look for, but ASCII and a line of its own."""
    tenths, rest = divmod(done * 100 // total, 10)
    bar = ("#" * tenths + (str(rest) if rest else "")).ljust(10)
    return "Executing: %3d%%|%s| %d/%d [%s]" % (done * 100 // total, bar, done, total, tail)


class Progress:
    """One line a cell on stderr; lines that repeat are left out."""
    SHAPE = re.compile(r"\s*Executing:\s+\d+%\|.*?\|\s+(\d+)/(\d+)\s+\[(.*)\]\s*$")

    def __init__(self):
        self.begin, self.last = time.monotonic(), -1

    def step(self, done, total):
        if done == 0:
            self.begin = time.monotonic()
        if total == 0:
            say("Executing: 0cell [00:00, ?cell/s]")
            return
        took = time.monotonic() - self.begin
        if done == 0:
            tail = "00:00<?, ?cell/s"
        else:
            each = took / done
            rate = "%5.2fs/cell" % each if each > 1 else "%5.2fcell/s" % (1 / max(each, 1e-6))
            tail = "%s<%s, %s" % (clock(took), clock(each * (total - done)), rate)
        self.show(done, total, tail)

    def show(self, done, total, tail):
        if done != self.last and total > 0:
            self.last = done
            say(bar_line(done, total, tail))

    def foreign(self, text):
        """Takes a whole line of papermill's bar; False when text is none."""
        found = self.SHAPE.match(text)
        if found:
            self.show(int(found.group(1)), int(found.group(2)), found.group(3).strip())
        return found is not None


class Relay:
    """What cells print, to our own descriptor fd: as it is, or with bars drawn by \\r folded to lines."""

    def __init__(self, fd, fold):
        self.fd, self.fold, self.rest, self.shown = fd, fold, b"", time.monotonic()

    def feed(self, data):
        if not self.fold:
            write_all(self.fd, data)
            return
        lines = (self.rest + data).split(b"\n")
        self.rest = self.latest(lines.pop())
        write_all(self.fd, b"".join(self.latest(line).rstrip(b"\r") + b"\n" for line in lines))
        # A long bar is heard of now and then; a line without an end is not kept for ever.
        if b"\r" in data and self.rest and time.monotonic() - self.shown > FOLD_EVERY:
            write_all(self.fd, self.rest.rstrip(b"\r") + b"\n")
            self.rest, self.shown = b"", time.monotonic()
        elif len(self.rest) > TAIL_MAX:
            self.flush()

    @staticmethod
    def latest(line):
        """The last state of a line; a \\r at its end has overwritten nothing yet."""
        return line[line.rstrip(b"\r").rfind(b"\r") + 1:]

    def flush(self):
        write_all(self.fd, self.rest)
        self.rest = b""
