# SPDX-License-Identifier: MIT
"""The stand-in's command line: papermill IN OUT with the options that the driver gives. See __init__.py."""
import argparse
import os
import sys
import traceback

import nbformat
from nbclient.exceptions import DeadKernelError

from . import engines

MARKER = "papermill-error-cell-tag"


class PapermillExecutionError(Exception):
    pass


class PapermillMissingParameterException(Exception):
    pass


def parse():
    parser = argparse.ArgumentParser(prog="papermill", allow_abbrev=False)
    parser.add_argument("-k", "--kernel")
    parser.add_argument("-l", "--language")
    parser.add_argument("--cwd")
    for name in ("--start-timeout", "--execution-timeout", "--autosave-cell-every"):
        parser.add_argument(name, type=int)
    for name in ("--progress-bar", "--request-save-on-cell-execute"):
        parser.add_argument(name, action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--stdout-file", type=argparse.FileType("w", encoding="utf-8"))
    parser.add_argument("--stderr-file", type=argparse.FileType("w", encoding="utf-8"))
    parser.add_argument("paths", nargs=2)
    return parser.parse_args()


def formatted(path):
    try:
        return path.format()
    except (KeyError, IndexError) as e:
        raise PapermillMissingParameterException(f"Missing parameter {e}") from None


def raise_for_execution_errors(nb, output):
    """The last error counts, tagged or not; sys.exit(0) is none."""
    failed = None
    for index, cell in enumerate(nb.cells):
        for o in cell.get("outputs", []):
            if o.output_type == "error" and not (o.ename == "SystemExit" and o.evalue in ("", "0")):
                failed = index, cell, o
    if failed is None:
        return
    index, cell, o = failed
    text = f"An Exception was encountered at 'In [{cell.execution_count}]'."
    for at, source in ((index, "Execution using papermill encountered an exception here:"), (0, text)):
        marker = nbformat.v4.new_markdown_cell(source, metadata={"tags": [MARKER]})
        if nb.nbformat_minor < 5:
            del marker["id"]
        nb.cells.insert(at, marker)
    with open(output, "w", encoding="utf-8") as f:
        f.write(nbformat.writes(nb) + "\n")
    raise PapermillExecutionError(f'\nException encountered at "In [{cell.execution_count}]":\n'
                                  + "\n".join(o.traceback))


def run(given):
    source, output = map(formatted, given.paths)
    print(f"Input Notebook:  {source}\nOutput Notebook: {output}", file=sys.stderr)
    with open(source, encoding="utf-8") as f:
        nb = nbformat.reads(f.read(), as_version=4)
    if not os.path.isdir(os.path.dirname(output) or "."):
        raise FileNotFoundError(f"output folder {os.path.dirname(output)} doesn't exist.")
    kernel = given.kernel or nb.metadata.get("kernelspec", {}).get("name")
    if not kernel:
        raise ValueError("No kernel name found in notebook and no override provided.")
    nb.metadata["papermill"] = {"input_path": source, "output_path": output, "parameters": {}}
    manager = engines.NotebookExecutionManager(
        nb, output if given.request_save_on_cell_execute else None, given.progress_bar)
    manager.notebook_start()
    resources = {"metadata": {"path": given.cwd}} if given.cwd else {}
    client = engines.Client(nb, kernel_name=kernel, startup_timeout=given.start_timeout or 60,
                            timeout=given.execution_timeout, raise_on_iopub_timeout=True, resources=resources)
    try:
        client.execute_all(manager, {"stdout": given.stdout_file, "stderr": given.stderr_file})
    finally:
        manager.notebook_complete()
    raise_for_execution_errors(nb, output)
    manager.output_path = output
    manager.save()


def main():
    try:
        run(parse())
    except DeadKernelError:
        traceback.print_exc()
        sys.exit(138)
    except KeyboardInterrupt:
        print("Aborted!", file=sys.stderr)
        sys.exit(1)
    sys.exit(0)


main()
