# SPDX-License-Identifier: MIT
# The notebook driver's command line. See base.py.
def parse(argv):
    import argparse
    parser = argparse.ArgumentParser(prog="notebook driver", allow_abbrev=False)
    parser.add_argument("--engine", choices=("papermill", "nbclient"), default="nbclient")
    parser.add_argument("--kernel")
    parser.add_argument("--language")
    parser.add_argument("--timeout", type=int)
    parser.add_argument("--start-timeout", type=int, default=60)
    parser.add_argument("--result")
    parser.add_argument("--log")
    parser.add_argument("--fold-cr", action="store_true")
    parser.add_argument("--save-every", type=float, default=5)
    parser.add_argument("source")
    parser.add_argument("output")
    return parser.parse_args(argv)


def tell(result, failure):
    """Fills in how a run failed."""
    place = ", ".join((["cell %d" % result["failed_cell"]] if result["failed_cell"] else [])
                      + (["In [%d]" % result["in"]] if result["in"] is not None else []))
    result.update(outcome=failure.outcome, ename=failure.ename, evalue=one_line(failure.evalue))
    reason = one_line("%s: %s" % (failure.ename, failure.evalue)) if failure.evalue else str(failure.ename)
    result["reason"] = reason + (" (%s)" % place if place else "")


def main(argv):
    if argv == ["--probe"]:
        return probe()
    options = parse(argv)
    if options.log:
        LOG.append(os.open(options.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666))
    result = {"engine": options.engine, "engine_version": None, "cells": 0, "executed": 0, "failed_cell": None,
              "in": None, "ename": None, "evalue": None, "reason": None, "outcome": "ok"}

    def on_signal(signum, _frame):
        raise Stopped(signal.Signals(signum).name)

    # We may have been started with them ignored or blocked.
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, on_signal)
    os.environ.setdefault("PYDEVD_DISABLE_FILE_VALIDATION", "1")  # eight lines of warnings a kernel
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        run = run_papermill if options.engine == "papermill" else run_nbclient
        run(options, options.source, options.output, result)
    except Failed as e:
        tell(result, e)
    except Stopped as e:
        tell(result, Failed("interrupted", "KeyboardInterrupt", "stopped by %s" % e))
    except Exception as e:
        import traceback
        traceback.print_exc()
        tell(result, Failed("engine", type(e).__name__, str(e)))
    if result["reason"]:
        say("procagent: " + result["reason"])
    if options.result:
        write_file(options.result, json.dumps(result) + "\n")
    return STATUS[result["outcome"]]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
