# SPDX-License-Identifier: MIT
# The notebook driver's engine papermill, as a child. See base.py.
# Its command line, with two changes. It saves the whole notebook twice a cell, which takes most of the
# time of a notebook with hundreds of cells, and without that (--no-request-save-on-cell-execute) does not
# save at all before the end: here it saves every few seconds, and then the result is put in place under
# its real name too. And INT and TERM both make it stop as INT does, once, however often they are sent.
SHIM = r"""
import sys
sys.path[:] = [p for p in sys.path if p not in ("", ".")]
import os, runpy, shutil, signal, time
every, output, spare = float(sys.argv[1]), sys.argv[2], sys.argv[3]
sys.argv[1:4] = []
stopped = [-10.0]
def stop(signum, frame):
    if time.monotonic() - stopped[0] > 2:
        stopped[0] = time.monotonic()
        raise KeyboardInterrupt
signal.signal(signal.SIGINT, stop)
signal.signal(signal.SIGTERM, stop)
try:
    from papermill.engines import NotebookExecutionManager as Manager
    whole, last = Manager.save, [float("-inf"), 0.0]
    def save(self, *args, **kwargs):
        begin = time.monotonic()
        final = getattr(self, "end_time", None) is not None
        if not final and begin - last[0] < max(every, 10 * last[1]):
            return
        whole(self, *args, **kwargs)
        if not final and getattr(self, "output_path", None):
            shutil.copy(self.output_path, spare)
            os.replace(spare, output)
        last[:] = time.monotonic(), time.monotonic() - begin
    Manager.save = save
except (ImportError, AttributeError):
    pass
runpy.run_module("papermill", run_name="__main__", alter_sys=True)
"""


def start_time(pid):
    """(parent, start time) of a process, None when it is gone."""
    try:
        with open("/proc/%d/stat" % pid, "rb") as f:
            fields = f.read().rpartition(b")")[2].split()
        return int(fields[1]), int(fields[19])
    except (OSError, IndexError, ValueError):
        return None


class Papermill:
    """One run of papermill's command line."""

    def __init__(self, options, source, output):
        self.options, self.source, self.output = options, source, output
        self.signum, self.progress, self.tail, self.line = None, Progress(), b"", b""
        self.kernels, self.looked, self.names = {}, 0.0, {}

    def command(self, fds):
        """Names go by descriptor: papermill takes braces in a path for a format of its own."""
        def through(path, fd, name):
            safe = "/proc/self/fd/%d/%s" % (fd, name)
            self.names[safe] = path
            return safe
        source_fd, output_fd, stdout_fd, stderr_fd = fds
        words = [sys.executable, "-c", SHIM, str(self.options.save_every), self.output, self.spare,
                 through(self.source, source_fd, self.link), through(self.output, output_fd, self.temporary),
                 "--progress-bar", "--start-timeout", str(self.options.start_timeout), "--cwd", ".",
                 "--autosave-cell-every", str(max(1, int(self.options.save_every))),
                 "--stdout-file", "/proc/self/fd/%d" % stdout_fd,
                 "--stderr-file", "/proc/self/fd/%d" % stderr_fd]
        for option, value in (("-k", self.options.kernel), ("-l", self.options.language),
                              ("--execution-timeout", self.options.timeout)):
            if value:
                words += [option, str(value)]
        return words

    def run(self):
        """Exit status of papermill, as of subprocess. The notebook, if any, is then in self.written."""
        import subprocess
        folder = os.path.dirname(os.path.abspath(self.output))
        stem = ".procagent-%d" % os.getpid()
        self.link, self.temporary = stem + "-in.ipynb", stem + "-out.ipynb"
        self.written, self.spare = os.path.join(folder, self.temporary), os.path.join(folder, stem + "-save.tmp")
        os.symlink(os.path.abspath(self.source), os.path.join(folder, self.link))
        folder_fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        outside, inside = zip(os.pipe(), os.pipe(), os.pipe())
        passed = (folder_fd, folder_fd, inside[0], inside[1])
        for signum in (signal.SIGINT, signal.SIGTERM):
            signal.signal(signum, self.on_signal)
        wake, wakened = os.pipe()
        os.set_blocking(wakened, False)
        signal.set_wakeup_fd(wakened, warn_on_full_buffer=False)
        self.child = subprocess.Popen(self.command(passed), stdin=subprocess.DEVNULL, stderr=inside[2],
                                      pass_fds=passed)
        for fd in inside:
            os.close(fd)
        try:
            self.relay(outside, wake)
        finally:
            self.end()
            os.unlink(os.path.join(folder, self.link))
        return self.child.returncode

    def on_signal(self, signum, _frame):
        if self.signum is None:
            self.signum, self.stopped, self.steps = signum, time.monotonic(), list(STEPS)
            if getattr(self, "child", None) is not None:
                self.child.send_signal(signal.SIGINT)

    def escalate(self):
        while self.signum and self.steps and time.monotonic() - self.stopped > self.steps[0][0]:
            self.look_for_kernels()
            self.child.send_signal(getattr(signal, "SIG" + self.steps.pop(0)[1]))

    def relay(self, outside, wake):
        """Until papermill has ended; a process that its cells left may hold the pipes longer."""
        import selectors
        relays = {outside[0]: Relay(1, self.options.fold_cr).feed, outside[1]: Relay(2, self.options.fold_cr).feed,
                  outside[2]: self.own_words}
        self.flushes = [relays[fd].__self__.flush for fd in outside[:2]]
        selector = selectors.DefaultSelector()
        for fd in outside:
            os.set_blocking(fd, False)
            selector.register(fd, selectors.EVENT_READ)
        selector.register(wake, selectors.EVENT_READ)
        ended = False
        while True:
            events = selector.select(0 if ended else 0.1)
            got = False
            for key, _ in events:
                try:
                    data = os.read(key.fd, 65536)
                except BlockingIOError:
                    continue
                if key.fd == wake:
                    continue
                if data:
                    got = True
                    relays[key.fd](data)
                else:
                    selector.unregister(key.fd)
            if ended and not got:
                break
            ended = self.child.poll() is not None
            if not ended:
                self.escalate()
                if time.monotonic() - self.looked > (5 if self.kernels else 0.5):
                    self.look_for_kernels()
        for flush in self.flushes:
            flush()
        self.words(self.line)

    def own_words(self, data):
        """papermill's stderr: its bar becomes a line a step, other lines pass."""
        self.tail = (self.tail + data)[-TAIL_MAX:]
        pieces = re.split(rb"[\r\n]", self.line + data)
        self.line = pieces.pop()
        for piece in pieces:
            self.words(piece)
        # A state of the bar has no end of its own until the next one comes.
        if self.line.rstrip().endswith(b"]") and self.progress.foreign(self.line.decode("utf-8", "replace")):
            self.line = b""

    def words(self, piece):
        text = piece.decode("utf-8", "replace").rstrip()
        if text and not self.progress.foreign(text):
            for safe, path in self.names.items():
                text = text.replace(safe, path)
            say(text)

    def look_for_kernels(self):
        """Children of papermill: they are in sessions of their own and must not outlive it."""
        self.looked = time.monotonic()
        for name in os.listdir("/proc"):
            found = start_time(int(name)) if name.isdigit() else None
            if found and found[0] == self.child.pid:
                self.kernels[int(name)] = found[1]

    def end(self):
        if self.child.poll() is None:
            self.look_for_kernels()
            self.child.kill()
            self.child.wait()
        for pid, started in self.kernels.items():
            found = start_time(pid)
            try:
                if found and found[1] == started:
                    os.kill(pid, signal.SIGKILL)
                if os.getpgrp() != pid:
                    os.killpg(pid, signal.SIGKILL)  # what its cells left: a group without a leader
            except OSError:
                pass


def last_exception(tail):
    """The last 'Name: text' of papermill's traceback."""
    found = re.findall(r"^(?:[\w]+\.)*(\w+(?:Error|Exception|Kernel|Exit|Interrupt)): ?(.*)$",
                       ANSI.sub("", tail), re.M)
    return found[-1] if found else None


def papermill_version():
    from importlib.util import find_spec
    try:
        from importlib.metadata import version
        return version("papermill")
    except ImportError:  # PackageNotFoundError is one: run from a source tree
        pass
    for name in ("version.py", "__init__.py"):
        try:
            with open(os.path.join(os.path.dirname(find_spec("papermill").origin), name)) as f:
                found = re.search(r"^_*version_* = ['\"](.*)['\"]", f.read(), re.M)
        except (OSError, AttributeError, TypeError):
            continue
        if found:
            return found.group(1)
    return None


def run_papermill(options, source, output, result):
    result["engine_version"] = papermill_version()
    kills = oom_kills()
    for attempt in (1, 2):
        run = Papermill(options, source, output)
        status = run.run()
        if not (attempt == 1 and status == 1 and not run.signum and NOT_STARTED.encode() in run.tail):
            break
        say("procagent: the kernel did not start; once more")
    nb = None
    try:
        with open(run.written, encoding="utf-8") as f:
            nb = json.load(f)
    except (OSError, ValueError):
        pass  # none before the kernel was found; or cut off by a kill, and then an earlier save is in place
    if nb is None:
        if not os.path.exists(output):
            result.update(cells=0, executed=0)
        failure = judge(run, status, [], options, result, kills)
    else:
        cells = [c for c in nb["cells"] if MARKER not in tags_of(c)]
        failure = judge(run, status, cells, options, result, kills)
        if failure is None:
            nb["cells"] = cells  # no "An Exception was encountered" on top of a success
        for cell in nb["cells"]:
            merge_streams(cell.get("outputs", []))
        facts = nb.get("metadata", {}).get("papermill", {})
        facts.update(input_path=source, output_path=output)
        write_file(output, json.dumps(nb, indent=1, ensure_ascii=False, sort_keys=True) + "\n")
    for path in (run.written, run.spare):
        if os.path.exists(path):
            os.unlink(path)
    if failure is not None:
        raise failure


def merge_streams(outputs):
    """nbclient has an output for each flush; one for each run of the same stream says the same."""
    merged = []
    for out in outputs:
        if merged and out["output_type"] == "stream" == merged[-1]["output_type"] \
                and out["name"] == merged[-1]["name"]:
            merged[-1]["text"] = lines_of(merged[-1]["text"]) + lines_of(out["text"])
        else:
            merged.append(out)
    for out in merged:
        if out["output_type"] == "stream":
            out["text"] = "".join(out["text"]).splitlines(True)
    outputs[:] = merged


def lines_of(text):
    return text if isinstance(text, list) else [text]


def judge(run, status, cells, options, result, kills):
    """Why papermill ended; None for a success. Its metadata say 'completed' of cells that never ran, so
    only execution counts, error outputs and a status 'failed' are believed."""
    wanted = [i for i, c in enumerate(cells) if to_run(c)]
    ran = [i for i in wanted if cells[i].get("execution_count") is not None]
    begun = [i for i in wanted if i in ran or has_begun(cells[i])]
    at = begun[-1] if begun else None
    tail = run.tail.decode("utf-8", "replace")
    if run.signum:
        locate(result, cells, at)
        return Failed("interrupted", "KeyboardInterrupt", "stopped by " + signal.Signals(run.signum).name)
    gave_up = status == 1 and "PapermillExecutionError" not in tail  # else the names are a cell's own words
    if status == 138 or gave_up and "DeadKernelError" in tail:
        locate(result, cells, at)
        return Failed("dead_kernel", "DeadKernelError", how_it_died(None, kills))
    if gave_up and "CellTimeoutError" in tail:
        locate(result, cells, at)
        return Failed("timeout", "CellTimeoutError", "not done after %s s" % options.timeout)
    for i in wanted:
        failure = cell_verdict(cells[i])
        if failure is not None:
            locate(result, cells, i)
            return failure
    early = bool(ran) and stopped_softly(cells[ran[-1]])
    locate(result, cells, None)
    explained = status == 0 or status == 1 and any(errors_of(cells[i]) for i in ran)
    if explained and (early or len(ran) == len(wanted)):
        return None
    return other_failure(status, tail, len(wanted) - len(ran))


def has_begun(cell):
    """A kernel that dies at once has not even told the execution count."""
    metadata = cell.get("metadata", {})
    return bool(metadata.get("execution") or metadata.get("papermill", {}).get("start_time"))


def cell_verdict(cell):
    """Failed when this cell is a reason to fail: an error without the tag that allows it."""
    if "raises-exception" in tags_of(cell):
        return None
    for error in errors_of(cell):
        if not soft_exit(error.get("ename"), error.get("evalue")):
            return Failed("error", error.get("ename"), error.get("evalue"))
    if cell.get("metadata", {}).get("papermill", {}).get("status") == "failed" and not errors_of(cell):
        return Failed("error", "Error", "the cell failed without saying why, as a line magic does")
    return None


def stopped_softly(cell):
    return any(soft_exit(e.get("ename"), e.get("evalue")) for e in errors_of(cell))


def other_failure(status, tail, unrun):
    if status < 0:
        return Failed("engine", "papermill", "killed by signal %d" % -status)
    if status == 0:
        return Failed("engine", "papermill", "ended with 0, but %d cells were not run" % unrun)
    ename, evalue = last_exception(tail) or ("papermill", "ended with exit status %d" % status)
    if ename == "NoSuchKernel" or "No kernel name found" in evalue or "Kernel died before" in evalue \
            or "Kernel didn't respond" in evalue:
        return Failed("no_kernel", ename, evalue)
    if ename in ("NotJSONError", "NBFormatError", "ValidationError"):
        return Failed("bad_notebook", ename, evalue)
    return Failed("engine", ename, evalue)
