# SPDX-License-Identifier: MIT
# The notebook driver's engine nbclient, in this process. See base.py.
async def done_with(value):
    """Awaits what some versions return as a coroutine and others as a value."""
    import inspect
    return await value if inspect.isawaitable(value) else value


class Live:
    """Mixed into nbclient's NotebookClient. Its own execute() is not used: its handlers of INT and TERM
    shut the kernel down without waiting for what the running cell has still to say."""

    def prepare(self, options, output):
        self.options, self.path, self.progress = options, output, Progress()
        self.relays = {"stdout": Relay(1, options.fold_cr), "stderr": Relay(2, options.fold_cr)}
        self.manager = self.pid = self.message_id = self.signum = self.died = None
        self.at, self.running, self.patient, self.dirty = None, False, True, True
        self.loose, self.pieces, self.size = None, [], 0
        self.saved, self.cost, self.complained = time.monotonic(), 0.0, False

    # Streams come in as many pieces as there were flushes; the notebook gets one output of them.
    def process_message(self, msg, cell, cell_index):
        self.message_id, self.dirty = msg["parent_header"].get("msg_id"), True
        out = super().process_message(msg, cell, cell_index)
        if out is not None and out["output_type"] == "stream":
            if out["name"] in self.relays:
                self.relays[out["name"]].feed(out["text"].encode("utf-8", "backslashreplace"))
            self.merge(cell["outputs"], out)
        return out

    def merge(self, outputs, out):
        if len(outputs) < 2 or outputs[-1] is not out or outputs[-2].get("name") != out["name"] \
                or outputs[-2]["output_type"] != "stream":
            return
        outputs.pop()
        if self.loose is not outputs[-1]:
            self.settle()
            self.loose = outputs[-1]
        self.pieces.append(out["text"])
        self.size += len(out["text"])
        if self.size > max(65536, len(self.loose["text"])):  # so that joining stays linear
            self.settle()

    def settle(self):
        if self.loose is not None:
            self.loose["text"] += "".join(self.pieces)
        self.loose, self.pieces, self.size = None, [], 0

    def save(self):
        from nbformat import v4
        begin = time.monotonic()
        self.settle()
        self.dirty = False
        write_file(self.path, v4.writes(self.nb) + "\n")  # nbformat.write also validates: slow
        self.saved = time.monotonic()
        self.cost = self.saved - begin

    def save_sometimes(self, now=False):
        """At most every --save-every seconds, and at most a tenth of the time."""
        if not now and (not self.dirty or time.monotonic() - self.saved
                        < max(self.options.save_every, 10 * self.cost)):
            return
        try:
            self.save()
        except OSError as e:
            self.saved = time.monotonic()
            if not self.complained:
                say("procagent: cannot save %s for now: %s" % (self.path, e))
            self.complained = True

    async def autosave(self):
        import asyncio
        while True:
            await asyncio.sleep(max(0.1, min(1.0, self.options.save_every)))
            self.save_sometimes()

    async def cells(self):
        for attempt in (1, 2):
            self.km = self.manager = self.create_kernel_manager()
            await self.async_start_new_kernel()
            self.pid = getattr(process_of(self.manager), "pid", None)
            try:
                await self.async_start_new_kernel_client()
                break
            except RuntimeError as e:
                if attempt == 2 or NOT_STARTED not in str(e):
                    raise
                self.kill()
                say("procagent: the kernel did not start; once more")
        info = await self.async_wait_for_reply(await done_with(self.kc.kernel_info()))
        if info and "language_info" in info["content"]:
            self.nb.metadata["language_info"] = info["content"]["language_info"]
        total = len(self.nb.cells)
        self.progress.step(0, total)
        for index, cell in enumerate(self.nb.cells):
            self.at, self.running = index, to_run(cell)
            await self.async_execute_cell(cell, index, execution_count=self.code_cells_executed + 1)
            self.running = False
            self.end_of_cell()
            self.progress.step(index + 1, total)
            self.save_sometimes()
            if self.signum:
                raise Stopped
        self.set_widgets_metadata()

    def end_of_cell(self):
        self.settle()
        for relay in self.relays.values():
            relay.flush()

    async def interrupt(self):
        try:
            await done_with(self.manager.interrupt_kernel())
        except Exception as e:  # it may just have died
            say("procagent: cannot interrupt the kernel: %s" % one_line(e))

    async def drain(self, seconds):
        """What a cell still says after nbclient has given it up."""
        from nbclient.client import CellExecutionComplete
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                msg = await done_with(self.kc.iopub_channel.get_msg(timeout=end - time.monotonic()))
                if msg["parent_header"].get("msg_id") == self.message_id:
                    self.process_message(msg, self.nb.cells[self.at], self.at)
            except CellExecutionComplete:
                return
            except Exception:  # queue.Empty, or a channel that is closed
                return

    async def stop(self, task):
        """On a signal: the cell is interrupted, twice when it does not mind; then its kernel goes."""
        import asyncio
        if not self.running:
            task.cancel()
            return
        for patience in (3, 2):
            await self.interrupt()
            self.save_sometimes(now=True)
            await asyncio.wait({task}, timeout=patience)
            if task.done():
                return
        self.patient = False
        task.cancel()

    async def run(self):
        import asyncio
        from nbclient.exceptions import CellTimeoutError, DeadKernelError
        task = asyncio.ensure_future(self.cells())
        stops = []

        def on_signal(signum):
            if not self.signum:
                self.signum = signum
                stops.append(asyncio.ensure_future(self.stop(task)))

        for signum in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(signum, on_signal, signum)
        saver = asyncio.ensure_future(self.autosave())
        try:
            await task
        except CellTimeoutError:
            await self.interrupt()
            await self.drain(SHUTDOWN)
            self.patient = False
            raise
        except DeadKernelError:
            process = process_of(self.manager)
            self.died = process.poll() if process else None
            raise
        finally:
            saver.cancel()
            self.end_of_cell()
            self.save_sometimes(now=True)  # before the shutdown, which may take seconds
            await self.close()

    async def close(self):
        """Ends the kernel, and whatever its cells left running: both are in a session of their own."""
        import asyncio
        if self.manager is None:
            return
        self.pid = self.pid or getattr(process_of(self.manager), "pid", None)
        try:
            if self.signum:
                self.manager.shutdown_wait_time = SHUTDOWN
            if await done_with(self.manager.is_alive()):
                await asyncio.wait_for(done_with(self.manager.shutdown_kernel(now=not self.patient)), 10)
            if self.kc is not None:
                self.kc.stop_channels()
            await done_with(self.manager.cleanup_resources())
        except Exception as e:
            say("procagent: the kernel did not shut down: %s" % one_line(repr(e)))
        finally:
            self.kill()

    def kill(self):
        if self.pid:
            try:
                os.killpg(self.pid, signal.SIGKILL)
            except OSError:
                pass
            self.pid = None


def process_of(manager):
    """The kernel's Popen: jupyter_client 7 and newer have it in a provisioner."""
    provisioner = getattr(manager, "provisioner", None)
    return getattr(provisioner, "process", None) or getattr(manager, "kernel", None)


def read_notebook(path):
    import nbformat
    import warnings
    try:
        with open(path, encoding="utf-8") as f:
            text = f.read()
        given = json.loads(text)
        if not isinstance(given, dict) or "nbformat" not in given:
            raise ValueError("no notebook: it has no \"nbformat\"")
        with warnings.catch_warnings():  # of cells without an id
            warnings.simplefilter("ignore")
            nb = nbformat.reads(text, as_version=4)
        for cell in nb.cells:
            to_run(cell)
            if cell.cell_type == "code":  # what it says afterwards is of this run
                cell.outputs, cell.execution_count = [], None
        return nb
    except OSError as e:
        raise Failed("bad_notebook", type(e).__name__, "%s: %s" % (path, e.strerror))
    except Exception as e:
        name = "NotJSONError" if isinstance(e, ValueError) and "nbformat" not in str(e) else type(e).__name__
        raise Failed("bad_notebook", name, "%s is not a notebook: %s" % (path, e))


def run_nbclient(options, source, output, result):
    import asyncio
    import nbclient
    from jupyter_client.kernelspec import NoSuchKernel
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    result["engine_version"] = getattr(nbclient, "__version__", None)
    nb = read_notebook(source)
    settings = {"startup_timeout": options.start_timeout, "timeout": options.timeout}
    if options.kernel:
        settings["kernel_name"] = options.kernel
    client = type("Client", (Live, nbclient.NotebookClient), {})(nb, **settings)
    client.prepare(options, output)
    kills, failure = oom_kills(), None
    try:
        asyncio.run(client.run())
    except (asyncio.CancelledError, Stopped, Exception) as e:
        failure = e
        if client.signum:
            failure = Failed("interrupted", "KeyboardInterrupt",
                             "stopped by " + signal.Signals(client.signum).name)
        elif isinstance(e, CellTimeoutError):
            failure = Failed("timeout", "CellTimeoutError", "not done after %s s" % options.timeout)
        elif isinstance(e, CellExecutionError):
            failure = cell_failure(nb.cells[client.at], e)
        elif isinstance(e, DeadKernelError):
            failure = Failed("dead_kernel", "DeadKernelError", how_it_died(client.died, kills))
        elif isinstance(e, NoSuchKernel) or client.at is None and isinstance(e, (RuntimeError, OSError)):
            failure = Failed("no_kernel", type(e).__name__, str(e))
        if failure is not None:
            raise failure
    finally:
        client.kill()
        locate(result, nb.cells, client.at if client.running and failure is not None else None)
        client.save()


def cell_failure(cell, e):
    """A cell's exception, told on stderr as papermill does; None when it was sys.exit(0)."""
    ename, evalue = getattr(e, "ename", "Error"), getattr(e, "evalue", str(e))
    if soft_exit(ename, evalue):
        return None
    say("Exception encountered at \"In [%s]\":" % cell.get("execution_count"))
    for error in errors_of(cell)[-1:]:
        say(ANSI.sub("", "\n".join(error.get("traceback", []))))
    return Failed("error", ename, evalue)
