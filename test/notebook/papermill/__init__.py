# SPDX-License-Identifier: MIT
"""A stand-in for papermill's command line, for machines that have none.

It is made on nbclient as papermill is, and does what was measured of papermill 2.6.0 where the notebook
driver depends on it: exit statuses, what is saved when, the two marker cells, metadata that say "completed"
of cells that never ran, the progress bar, --stdout-file. It has none of the rest (parameters, stores).
"""
__version__ = "0+test-double"
