#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The notebook driver's small parts, without any notebook: pieces.py DRIVER_FILE..."""
import os
import pathlib
import sys
import tempfile
import unittest

D = {"__name__": "driver"}
exec("".join(pathlib.Path(p).read_text() for p in sys.argv[1:]), D)


def relayed(*pieces):
    r, w = os.pipe()
    relay = D["Relay"](w, True)
    for piece in pieces:
        relay.feed(piece)
    relay.flush()
    os.close(w)
    with os.fdopen(r, "rb") as f:
        return f.read()


class Pieces(unittest.TestCase):
    def test_bar(self):
        for done, total, tail, line in (
                (0, 4, "00:00<?, ?cell/s", "Executing:   0%|          | 0/4 [00:00<?, ?cell/s]"),
                (1, 4, "00:06<00:18,  6.16s/cell", "Executing:  25%|##5       | 1/4 [00:06<00:18,  6.16s/cell]"),
                (4, 4, "01:00<00:00,  6.16s/cell", "Executing: 100%|##########| 4/4 [01:00<00:00,  6.16s/cell]")):
            self.assertEqual(D["bar_line"](done, total, tail), line)
        self.assertEqual(D["clock"](3661), "1:01:01")

    def test_foreign_bars(self):
        said = []
        D["say"], kept = said.append, D["say"]
        p = D["Progress"]()
        bar = "Executing:  25%|██▌       | 1/4 [00:06<00:18,  6.16s/cell]"
        self.assertTrue(p.foreign(bar))
        self.assertTrue(p.foreign(bar))
        for text in ("Executing notebook with kernel: python3", "x " + bar, bar + "x", ""):
            self.assertFalse(p.foreign(text))
        D["say"] = kept
        self.assertEqual(said, ["Executing:  25%|##5       | 1/4 [00:06<00:18,  6.16s/cell]"])

    def test_fold(self):
        for pieces, want in (((b"a\nb\n",), b"a\nb\n"), ((b"\r1", b"\r2", b"\r3\n"), b"3\n"), ((b"x\r\n",), b"x\n"),
                             ((b"1\r", b"2\r", b"\n"), b"2\n"),
                             ((b"no end",), b"no end"), ((b"a\rb",), b"b"), ((b"",), b"")):
            self.assertEqual(relayed(*pieces), want, pieces)

    def test_oom(self):
        for file, text, want in (("memory.events", "low 0\noom 4\noom_kill 3\noom_group_kill 0\n", 3),
                                 ("memory/memory.oom_control", "under_oom 0\noom_kill 7\n", 7), ("other", "", 0)):
            with tempfile.TemporaryDirectory() as root:
                path = pathlib.Path(root, file)
                path.parent.mkdir(exist_ok=True)
                path.write_text(text)
                self.assertEqual(D["oom_kills"](root), want)

    def test_died(self):
        for code, kills, want in ((-9, 10**9, "the kernel was killed by SIGKILL"),
                                  (-9, -1, "the kernel was killed by SIGKILL: out of memory"),
                                  (3, 10**9, "the kernel ended with exit status 3"), (None, 10**9, "the kernel died")):
            self.assertEqual(D["how_it_died"](code, kills), want)

    def test_one_line(self):
        self.assertEqual(D["one_line"]("\x1b[0;31ma\x1b[0m\n\n b\t"), "a b")
        self.assertEqual(len(D["one_line"]("x" * 5000)), D["REASON_MAX"])

    def test_last_exception(self):
        for tail, want in (("x\njupyter_client.kernelspec.NoSuchKernel: No such kernel named nix\n",
                            ("NoSuchKernel", "No such kernel named nix")),
                           ("ValueError: a\nnbformat.reader.NotJSONError: Notebook\n", ("NotJSONError", "Notebook")),
                           ("nothing here\n", None)):
            self.assertEqual(D["last_exception"](tail), want)

    def test_merge(self):
        def out(name, text):
            return {"output_type": "stream", "name": name, "text": text}
        given = [out("stdout", ["a\n"]), out("stdout", "b\n"), out("stderr", "c"), {"output_type": "error"},
                 out("stderr", ["d"])]
        D["merge_streams"](given)
        self.assertEqual(given, [out("stdout", ["a\n", "b\n"]), out("stderr", ["c"]), {"output_type": "error"},
                                 out("stderr", ["d"])])


unittest.main(argv=sys.argv[:1])
