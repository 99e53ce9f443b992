# SPDX-License-Identifier: MIT
"""Puts one fault into one row of a good case: what the agent must refuse, or set aside."""
import gzip

import oracle

JSON_FAULTS = {
    "JSON: cut": b'{"id": 1, "k": "nor', "JSON: no object": b'["north"]', "JSON: two values": b'{"k": "a"} 7',
    "JSON: a fraction": b'{"k": 1.5}', "JSON: a list": b'{"k": ["north"]}', "JSON: an object": b'{"k": {}}',
    "JSON: the null sentinel": b'{"k": "__HIVE_DEFAULT_PARTITION__"}'}


class Row:
    """One row of a source: what its fault is made from."""

    def __init__(self, rng, case, source, at):
        self.rng, self.opt, self.source, self.at = rng, case.opt, source, at
        self.record = source.rows[at]
        self.fields = [source.data[a:b] for a, b in self.record.spans]
        self.newline = source.data[self.record.stop:self.record.end]
        self.last = at == len(source.rows) - 1
        levels = oracle.layout_levels(case.opt.layout)
        self.keys = [(source.column(p[1]), p[2]) for _, parts in levels for p in parts if p[0] == "column"]

    def simple(self, k, field):
        """The row with plain fields, but for field k."""
        fields = [b"x"] * len(self.fields)
        fields[k] = field
        return fields

    def any_column(self):
        return self.rng.randrange(len(self.fields))

    def with_key(self, value, dated=None):
        """The row with this value in a key column; None when no such column is there."""
        found = [k for k, form in self.keys if dated is None or bool(form) == dated]
        if not found:
            return None
        fields = list(self.fields)
        fields[self.rng.choice(found)] = value
        return fields


def too_many(row):
    return row.fields + [row.rng.choice([b"", b"x"])]


def too_few(row):
    if len(row.fields) < 2 or (len(row.fields) == 2 and not row.fields[0]):
        return None
    return row.fields[:-1]


def stray_quote(row):
    q = row.opt.quote
    text = row.rng.choice([b"a" + q + b"b", b"a" + q, b" " + q + b"b" + q])
    if row.source.delimiter == b" " or not q:
        text = b"a" + q + b"b"
    return row.simple(row.any_column(), text) if q else None


def after_quote(row):
    q = row.opt.quote
    return row.simple(row.any_column(), q + b"a" + q + row.rng.choice([b"b", b"\rb"])) if q else None


def unclosed(row):
    q = row.opt.quote
    if not q or not row.last:
        return None
    return row.simple(len(row.fields) - 1, q + row.rng.choice([b"", b"abc", q + q + b"x"]))


def nul(row):
    q = row.opt.quote
    return row.simple(row.any_column(), row.rng.choice([b"\0", b"a\0b", q + b"a\0" + q]))


def bare_cr(row):
    return row.simple(row.any_column(), row.rng.choice([b"a\rb", b"\rb"]))


def too_long(row):
    row.opt.max_row_size = 1024 + max(r.end - r.start for r in row.source.rows)
    k = next((k for k in range(len(row.fields)) if k not in dict(row.keys)), 0)
    return row.simple(k, b"y" * (row.opt.max_row_size + row.rng.randint(1, 3_000_000)))


def bad_date(row):
    return row.with_key(row.rng.choice([b"2021-02-30", b"2021-13-01", b"yesterday", b"14.12.2021", b"2021-12",
                                        b"2021-12-14T25:00:00Z"]), dated=True)


def bad_utf8(row):
    return row.with_key(row.rng.choice([b"\xff", b"a\xc3", b"\xed\xa0\x80", b"\xc0\xaf"]))


def sentinel(row):
    return row.with_key(oracle.SENTINEL)


def null(row):
    if row.opt.null is not None or any(not row.source.values(r)[k] for r in row.source.rows for k, _ in row.keys):
        return None
    row.opt.null_fail = True
    fields = row.with_key(row.rng.choice([b"", row.opt.quote * 2]))
    return None if b"".join(fields) == b"" and len(fields) == 1 else fields


FAULTS = {"too many fields": too_many, "too few fields": too_few, "stray quote": stray_quote,
          "text behind a closing quote": after_quote, "unclosed quote": unclosed, "NUL": nul, "bare CR": bare_cr,
          "too long": too_long, "bad date": bad_date, "no UTF-8 in a key": bad_utf8, "null sentinel": sentinel,
          "null=fail": null}


def into_csv(rng, case, data, delimiter):
    """(kind, new bytes, row number) or None."""
    source = oracle.Source(data, case.opt, delimiter)
    first = 1 if not case.opt.header and not case.opt.columns else 0  # which says how many fields there are
    if len(source.rows) <= first:
        return None
    kind = rng.choice(list(FAULTS))
    at = len(source.rows) - 1 if kind == "unclosed quote" else rng.randrange(first, len(source.rows))
    row = Row(rng, case, source, at)
    fields = FAULTS[kind](row)
    if fields is None:
        return None
    new = delimiter.join(fields) + row.newline
    bom = data[:len(data) - len(source.data)]
    data = bom + source.data[:row.record.start] + new + source.data[row.record.end:]
    return kind, data, at + (2 if case.opt.header else 1)


def into_jsonl(rng, data):
    lines = data.splitlines(keepends=True)
    rows = [i for i, line in enumerate(lines) if line.strip(b"\r\n")]
    if not rows or len(data.split(b"\n")) < len(lines):
        return None
    number = rng.randrange(len(rows))
    kind = rng.choice(list(JSON_FAULTS))
    lines[rows[number]] = JSON_FAULTS[kind] + b"\n"
    return kind, b"".join(lines), number + 1


def inject(rng, case):
    """Changes one file of the case. (kind, path, row number), or None when it does not suit the case."""
    path = rng.choice([p for p in case.files if not oracle.hidden(p)])
    data = case.files[path]
    data = gzip.decompress(data) if path.endswith(".gz") else data
    kind = oracle.kind_of(path, case.opt)
    if kind == "jsonl":
        made = into_jsonl(rng, data)
    else:
        made = into_csv(rng, case, data, case.opt.delimiter or (b"\t" if kind == "tsv" else b","))
    if not made:
        return None
    case.files[path] = gzip.compress(made[1], 1, mtime=0) if path.endswith(".gz") else made[1]
    return made[0], path, made[2]
