#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes a small notebook: make.py OUT.ipynb [OPTION]... CELL...

A CELL is the source of a code cell. "md:TEXT" is a markdown cell, "tag=NAME:SOURCE" a code cell with that
tag. Options: --minor N (nbformat 4.N, default 4), --kernelspec NAME (default python3; "" for none).
"""
import argparse
import json


def cell_of(word, number, minor):
    cell = {"cell_type": "code", "metadata": {}, "execution_count": None, "outputs": [], "source": word}
    if word.startswith("md:"):
        cell = {"cell_type": "markdown", "metadata": {}, "source": word[3:]}
    elif word.startswith("tag="):
        tag, _, cell["source"] = word[4:].partition(":")
        cell["metadata"]["tags"] = [tag]
    if minor >= 5:
        cell["id"] = f"c{number}"
    return cell


def main():
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--minor", type=int, default=4)
    parser.add_argument("--kernelspec", default="python3")
    parser.add_argument("out")
    parser.add_argument("cells", nargs="*")
    given = parser.parse_intermixed_args()
    metadata = {}
    if given.kernelspec:
        metadata["kernelspec"] = {"name": given.kernelspec, "display_name": "x", "language": "python"}
    notebook = {"nbformat": 4, "nbformat_minor": given.minor, "metadata": metadata,
                "cells": [cell_of(w, n, given.minor) for n, w in enumerate(given.cells)]}
    with open(given.out, "w", encoding="utf-8") as f:
        json.dump(notebook, f, indent=1)


main()
