# SPDX-License-Identifier: MIT
"""How the stand-in keeps a notebook and runs its cells; the names are papermill's."""
import datetime
import sys
import time

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError


class NotebookExecutionManager:
    """The notebook being run: saved twice a cell, with papermill's metadata, lies included."""

    def __init__(self, nb, output_path, bar):
        self.nb, self.output_path, self.bar = nb, output_path, bar
        self.done, self.begin, self.end_time = 0, time.monotonic(), None

    def save(self, **_):
        if self.output_path:
            with open(self.output_path, "w", encoding="utf-8") as f:
                f.write(nbformat.writes(self.nb) + "\n")

    def draw(self):
        total = len(self.nb.cells)
        if not self.bar or total == 0:
            return
        took = time.monotonic() - self.begin
        each = took / self.done if self.done else 0
        tail = f"00:{int(took):02d}<00:{int(each * (total - self.done)):02d}, {each:5.2f}s/cell"
        blocks = ("█" * (10 * self.done // total)).ljust(10)
        text = f"\rExecuting: {100 * self.done // total:3d}%|{blocks}| {self.done}/{total} [" \
            + (tail if self.done else "00:00<?, ?cell/s") + "]"
        print(text, end="", file=sys.stderr, flush=True)

    def notebook_start(self):
        self.nb.metadata["papermill"].update(exception=None)
        for cell in self.nb.cells:
            if cell.cell_type == "code":
                cell.execution_count, cell.outputs = None, []
            cell.metadata["papermill"] = {"exception": None, "start_time": None, "status": "pending"}
        self.save()
        self.draw()

    def cell_start(self, cell):
        cell.metadata["papermill"].update(status="running", exception=False,
                                          start_time=datetime.datetime.now().isoformat())
        self.save()

    def cell_exception(self, cell):
        cell.metadata["papermill"].update(status="failed", exception=True)
        self.nb.metadata["papermill"]["exception"] = True

    def cell_complete(self, cell):
        if cell.metadata["papermill"]["status"] != "failed":
            cell.metadata["papermill"]["status"] = "completed"
        self.save()
        self.done += 1
        self.draw()

    def notebook_complete(self):
        """Cells behind one that failed stay pending; behind any other end they are "completed"."""
        self.end_time = datetime.datetime.now()
        for cell in self.nb.cells:
            if cell.metadata["papermill"]["status"] == "failed":
                break
            cell.metadata["papermill"]["status"] = "completed"
        if self.bar:
            print(file=sys.stderr)
        self.save()


class Client(NotebookClient):
    """Runs the cells one by one and passes what they print on."""

    def execute_all(self, manager, files):
        self.reset_execution_trackers()
        self.files = files
        with self.setup_kernel():
            for index, cell in enumerate(manager.nb.cells):
                try:
                    manager.cell_start(cell)
                    self.execute_cell(cell, index)
                except CellExecutionError:
                    manager.cell_exception(cell)
                    break
                finally:
                    manager.cell_complete(cell)

    def process_message(self, *args, **kwargs):
        output = super().process_message(*args, **kwargs)
        if output and output.output_type == "stream" and self.files.get(output.name):
            self.files[output.name].write(output.text)
            self.files[output.name].flush()
        return output
