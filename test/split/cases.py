# SPDX-License-Identifier: MIT
"""Random folders of CSV, TSV and JSON Lines files, and how they are to be partitioned: the cases of
differential.py and duck.mjs. A seed says everything about a case.

As a program, for duck.mjs: cases.py --seed N --dir DIR  writes the files of one case that DuckDB can read to
DIR/in and what it is about to DIR/case.json.
"""
import argparse
import gzip
import json
import pathlib
import random

import oracle

NOTES = ["", "a", "plain words", " blanks ", "comma, inside", "tab\tinside", "semi;colon", "pipe|d", "it's",
         'a "word"', '"', '""', "'", "''", "x\ny", "x\r\ny", "\n", ",", "\r", "1.50", "-3", "日本語", "é", "𝄞 clef",
         "NULL", "null", "\\N", "back\\slash", "a" * 70, "=1+1", "\ufeffbom", "\x01\x7f", " ", ",,,", "''\"\"\n,"]
KEYS = ["north", "south", "a/b", "100%", "a=b", "x:y", "q?", "[z]", "{b", "b}", "^", "#1", "it's", 'say "x"', "*",
        "back\\slash", "日本", "é à", "𝄞", "two words", " lead", "trail ", ".", "..", "-", "_", "~", "&|;<>$`!",
        "line\nbreak", "cr\r\nlf", "tab\there", "\x01", "\x7f", "a,b", "a;b", "NULL", "x" * 60, "%41", "+", "0", "00",
        "true", "2021-12-14", "ünï" * 9]
DATE_FORMATS = ["%Y-%m-%d", "%Y", "%m", "%d", "%H", "%Y%m%d", "%Y-%m-%dT%H", "%j"]
ZONES = ["UTC", "Asia/Tokyo", "America/New_York", "Asia/Kolkata"]
SIZES = {"0 bytes": 3, "header only": 4, "tiny": 30, "small": 30, "medium": 15, "large": 10, "big rows": 6}


class Case:
    """Files (path -> bytes as on disk), Options, and the --set words that say them."""

    def __init__(self, rng):
        self.rng, self.files, self.opt, self.dims = rng, {}, oracle.Options(), set()
        self.dotted = set()  # --set words beyond what words() makes of opt

    def dim(self, name):
        self.dims.add(name)

    def words(self):
        opt, out = self.opt, []
        defaults = oracle.Options()
        spelt = {b"\t": "tab", b",": "comma", b";": "semicolon", b"|": "pipe", b" ": "space"}
        for key in ("max_row_size", "max_file_size", "format"):
            if getattr(opt, key) != getattr(defaults, key):
                out.append(f"{key}={getattr(opt, key)}")
        if opt.delimiter:
            plain = opt.delimiter not in b" \t" and len(opt.layout) % 2  # both spellings are used
            out.append("delimiter=" + (opt.delimiter.decode() if plain else
                                       spelt.get(opt.delimiter, opt.delimiter.decode())))
        if opt.quote != b'"':
            out.append("quote=" + (opt.quote.decode() or "none"))
        if opt.columns:
            out.append("columns=" + b",".join(opt.columns).decode())
        for key, value, word in (
                ("header", opt.header, True), ("keep_columns", opt.keep_columns, False)):
            if value != word:
                out.append(f"{key}={'yes' if value else 'no'}")
        out += ["sentinel=null"] * opt.sentinel_null + ["null=fail"] * opt.null_fail
        out += ["on_bad_row=reject"] * opt.reject + ["compress=gzip"] * opt.compress
        if opt.null is not None:
            out.append("null=" + opt.null.decode())
        if opt.timezone != "UTC":
            out.append("job.timezone=" + opt.timezone)
        if "{time" in opt.layout:
            out.append("job.time=" + opt.time)
        return out

    def arguments(self):
        out = ["--layout", self.opt.layout]
        if self.opt.match:
            out += ["--match", self.opt.match]
        for word in self.words() + sorted(self.dotted):
            out += ["--set", word]
        return out


# ---- values and rows ----

def iso_text(rng):
    day = f"{rng.randint(1971, 2036)}-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}"
    if rng.random() < 0.4:
        return day
    text = f"{day}{rng.choice('T ')}{rng.randrange(24):02d}:{rng.randrange(60):02d}:{rng.randrange(60):02d}"
    text += rng.choice(["", "", ".5", ".123456"])
    return text + rng.choice(["", "Z", "+09:00", "-05:00", "+05:30", "+00:00"])


def key_values(rng, case, count):
    """So many different values for a column that is a partition's."""
    if count > len(KEYS):
        case.dim("many keys")
        return [f"key {i:05d}" for i in range(count)]
    out = rng.sample(KEYS, count)
    if rng.random() < 0.5:
        out.append("")
        case.dim("null keys")
    for what, found in (("unicode keys", any(ord(c) > 127 for c in "".join(out))),
                        ("newlines in keys", "\n" in "".join(out)),
                        ("escaped keys", any(ord(c) in oracle.ESCAPED for c in "".join(out)))):
        if found:
            case.dim(what)
    return out


def writable(text, delimiter, quote):
    """The value, made such that it can be written at all where nothing is quoted."""
    if quote:
        return text
    for c in "\n\r" + delimiter:
        text = text.replace(c, "-")
    return text


def field_text(rng, text, delimiter, quote):
    if not quote:
        return text
    must = any(c in text for c in (delimiter, quote, "\n", "\r"))
    if must or rng.random() < 0.15:
        return quote + text.replace(quote, quote * 2) + quote
    return text


def row_text(rng, values, delimiter, quote):
    return delimiter.join(field_text(rng, v, delimiter, quote) for v in values)


class Shape:
    """What the files of a CSV case have in common: names, which columns are keys, how they are spelt."""

    def __init__(self, rng, case):
        self.rng, self.case = rng, case
        self.columns = rng.choices([1, 2, rng.randint(3, 8), rng.randint(60, 300)], [8, 15, 72, 5])[0]
        self.levels = min(self.columns, rng.choices([1, 2, 3], [70, 22, 8])[0])
        self.names = rng.sample(["id", "region", "ts", "note", "Größe", "a b", "x/y", "Amount", "k1", "name"],
                                min(self.columns, 10)) + [f"c{i}" for i in range(10, self.columns)]
        self.keys = sorted(rng.sample(range(self.columns), self.levels))
        self.dated = {k for k in self.keys if rng.random() < 0.2}
        self.newlines = rng.choices([["\n"], ["\r\n"], ["\n", "\r\n"]], [60, 25, 15])[0]
        self.few = {}

    def prepare(self, delimiter, quote, count):
        """The values of each column; keys: `count` of them."""
        for k in range(self.columns):
            if k in self.dated:
                values = [iso_text(self.rng) for _ in range(min(count, 40))]
            elif k in self.keys:
                values = key_values(self.rng, self.case, count if k == self.keys[0] else min(count, 4))
            else:
                values = NOTES
            self.few[k] = [writable(v, delimiter, quote) for v in values]

    def values(self):
        return [self.rng.choice(self.few[k]) for k in range(self.columns)]


def csv_rows(rng, shape, delimiter, quote, size):
    """Texts of rows, with newlines."""
    def one():
        return row_text(rng, shape.values(), delimiter, quote) + rng.choice(shape.newlines)
    if size in ("0 bytes", "header only"):
        return []
    if size == "tiny":
        return [one() for _ in range(rng.randint(1, 6))]
    if size == "small":
        return [one() for _ in range(rng.randint(7, 400))]
    pool = [one() for _ in range(max(200, 2 * len(shape.few[shape.keys[0]])))]
    if size == "big rows":
        return pool[:50] + [big_row(rng, shape, delimiter, quote) for _ in range(3)] + pool[50:]
    goal = rng.randint(200_000, 900_000) if size == "medium" else rng.randint(2_100_000, 5_000_000)
    average = sum(map(len, pool)) / len(pool)
    rows = rng.choices(pool, k=int(goal / average) + 1)
    if quote and shape.columns > shape.levels:  # long quoted texts that lie across chunks
        for _ in range(goal // 400_000):
            rows[rng.randrange(len(rows))] = big_row(rng, shape, delimiter, quote, 300_000)
    return rows


def big_row(rng, shape, delimiter, quote, size=2_500_000):
    """One row of about so many bytes, newlines and quotes in its quoted field."""
    values = shape.values()
    others = [k for k in range(shape.columns) if k not in shape.keys]
    if others:
        piece = rng.choice(["text, ", "a\nb\r\n", 'say "x" ', "'' \n", "\n", '"\n'])
        values[rng.choice(others)] = writable(piece * (rng.randint(size // 2, size) // len(piece)), delimiter, quote)
    return row_text(rng, values, delimiter, quote) + rng.choice(shape.newlines)


# ---- whole cases ----

def layout_of(rng, case, shape):
    """Levels made of the key columns, by name or number, sometimes with text or the job's time around."""
    levels = []
    for i, k in enumerate(shape.keys):
        name = shape.names[k]
        if (not case.opt.header and not case.opt.columns) or rng.random() < 0.15:
            name = str(k + 1)
            case.dim("columns by number")
        form = ""
        if k in shape.dated:
            case.dim("dates")
            form = ":" + rng.choice(DATE_FORMATS)
        template = "{column." + name + form + "}"
        if rng.random() < 0.1:
            template = "v-" + template + "_"
            case.dim("text around a column")
        levels.append(f"k{i}={template}")
        if form and rng.random() < 0.3:
            levels.append(f"hour{i}=" + "{column." + name + ":%H}")
            case.dim("a column used twice")
    if rng.random() < 0.1:
        levels.insert(rng.randint(0, len(levels)), "dt={time:%Y-%m}")
        case.dim("time in the layout")
    if case.opt.match:
        levels.insert(0, "p={path.p}")
    return "/".join(levels)


def csv_file(rng, case, shape, delimiter, quote, size):
    rows = csv_rows(rng, shape, delimiter, quote, size)
    case.dim(f"size: {size}")
    newline = shape.newlines[0]
    head = ""
    if case.opt.header and size != "0 bytes":
        head = row_text(rng, shape.names, delimiter, quote) + newline
    if rng.random() < 0.1:
        head = "\ufeff" + head
        case.dim("BOM")
    if rows and shape.columns > 1 and rng.random() < 0.15:
        for _ in range(rng.randint(1, 5)):
            rows.insert(rng.randrange(len(rows) + 1), newline)
        if head and rng.random() < 0.2:
            head = newline.join(["", ""]) + head if not head.startswith("\ufeff") else head
        case.dim("blank lines")
    if not case.opt.header and shape.columns == 1 and rows:
        rows[0] = "2021-12-14" + newline  # a blank line there says nothing of columns
    text = head + "".join(rows)
    if rows and text.endswith("\n") and rng.random() < 0.25:
        text = text[:-2] if text.endswith("\r\n") else text[:-1]
        case.dim("no newline at the end")
    return text.encode()


def plain_options(rng, case, shape):
    """Keys that say how the files are read and written."""
    opt = case.opt
    opt.keep_columns = shape.columns == len(shape.keys) or rng.random() < 0.12
    opt.compress = rng.random() < 0.08
    if rng.random() < 0.1:
        opt.null = rng.choice([b"none", b"no/where", "空".encode()])
        case.dim("null=VALUE")
    if rng.random() < 0.06 and not opt.compress:
        opt.max_file_size = rng.choice([1024, 5000, 100_000])
    if shape.dated:
        opt.timezone = rng.choice(ZONES)
    for what, on in (("keep_columns", opt.keep_columns), ("compress=gzip", opt.compress), ("header=no", not opt.header),
                     ("max_file_size", opt.max_file_size), ("quote=none", not opt.quote),
                     ("another quote", opt.quote == b"'"), ("1 column", shape.columns == 1),
                     ("wide", shape.columns > 50), ("CRLF", shape.newlines == ["\r\n"]),
                     ("LF and CRLF", len(shape.newlines) == 2), ("several levels", len(shape.keys) > 1),
                     ("columns=", opt.columns), ("other delimiter", opt.delimiter)):
        if on:
            case.dim(what)


def paths(rng, case, suffix):
    """Where the sources are; some are hidden and must stay."""
    count = rng.choices([1, 2, 5], [65, 20, 15])[0]
    if case.opt.match:
        case.dim("match and path")
        return [f"p{i}/same.{suffix}" for i in range(count)]
    out = rng.sample(["data", "a/b", "a/c", "deep/er/still", "日本/x y", "a.b", "z"], count)
    if count > 1:
        case.dim("several sources")
    if any("/" in p for p in out):
        case.dim("sources in sub-folders")
    return [f"{p}.{suffix}" for p in out]


def store(rng, case, path, data):
    if data and rng.random() < 0.12:
        path, data = path + ".gz", gzip.compress(data, 1, mtime=0)
        case.dim(".gz input")
    case.files[path] = data


def csv_case(rng, case):
    shape = Shape(rng, case)
    opt = case.opt
    suffix = rng.choices(["csv", "tsv"], [90, 10])[0]
    opt.quote = rng.choices([b'"', b"'", b""], [82, 8, 10])[0]
    if len(shape.keys) == shape.columns - 1 and not opt.quote:
        opt.quote = b'"'  # one field left, and no way to write an empty one
    if rng.random() < 0.3:
        opt.delimiter = rng.choice([b";", b"|", b"\t", b" ", b":", b"~", b","])
    if suffix == "tsv":
        case.dim("tsv")
    opt.header = rng.random() < 0.8
    if shape.columns == 1:
        opt.quote = opt.quote or b'"'
    if rng.random() < 0.05:
        opt.format, suffix = suffix, "txt"
        case.dim("format=")
    if rng.random() < 0.05:
        opt.match = "{p}/*." + suffix + "*"
    delimiter = (opt.delimiter or (b"\t" if "tsv" in (suffix, opt.format) else b",")).decode()
    shape.names = [writable(name, delimiter, opt.quote.decode()) for name in shape.names]
    if not opt.header and rng.random() < 0.6:
        opt.columns = tuple(name.encode() for name in shape.names)
    plain_options(rng, case, shape)
    count = rng.choices([1, rng.randint(2, 30), rng.randint(300, 3000)], [8, 84, 8])[0]
    shape.prepare(delimiter, opt.quote.decode(), count)
    opt.layout = layout_of(rng, case, shape)
    for path in paths(rng, case, suffix):
        size = rng.choices(list(SIZES), list(SIZES.values()))[0]
        if size in ("medium", "large") and opt.max_file_size:
            size = "small"
        store(rng, case, path, csv_file(rng, case, shape, delimiter, opt.quote.decode(), size))


def json_line(rng, keys):
    row = {"id": rng.randrange(1 << 40), "note": rng.choice(NOTES), "k": rng.choice(keys),
           "deep": {"k": "not this", "a": [1, 2.5, None]}}
    if isinstance(row["k"], str) and row["k"] == "absent":
        del row["k"]
    pairs = list(row.items())
    rng.shuffle(pairs)
    return json.dumps(dict(pairs), ensure_ascii=rng.random() < 0.5,
                      separators=rng.choice([(",", ":"), (", ", ": ")]))


def jsonl_case(rng, case):
    case.dim("JSON Lines")
    keys = rng.sample(KEYS, rng.randint(1, 20)) + rng.choices(["absent", None, True, False, 7, -12, ""], k=4)
    case.opt.layout = rng.choice(["k={column.k}", "kind=x-{column.k}", "k={column.k}/day={time:%d}"])
    case.opt.compress = rng.random() < 0.1
    newline = rng.choice(["\n", "\n", "\r\n"])
    for path in paths(rng, case, rng.choice(["jsonl", "ndjson"])):
        size = rng.choices([0, rng.randint(1, 300), 30000], [5, 85, 10])[0]
        pool = [json_line(rng, keys) + newline for _ in range(min(size, 500))]
        rows = rng.choices(pool, k=size) if size > 500 else pool
        if rows and rng.random() < 0.2:
            rows.insert(rng.randrange(len(rows)), newline)
            case.dim("blank lines")
        text = "".join(rows)
        store(rng, case, path, (text[:-len(newline)] if rows and rng.random() < 0.2 else text).encode())
        case.dim("JSON Lines: " + ("large" if size > 500 else "small"))


def make(seed):
    """The case of a seed."""
    rng = random.Random(seed)
    case = Case(rng)
    (jsonl_case if rng.random() < 0.1 else csv_case)(rng, case)
    if rng.random() < 0.1 and not case.opt.match:
        case.files["_SUCCESS"] = b""
        case.files["a/.hidden.csv"] = b"not,a\ntable"
        case.dim("hidden files")
    return case


# ---- for DuckDB ----

def duck_case(seed):
    """A case that DuckDB can read too: a header, one kind of newline, every column's own key."""
    rng = random.Random(seed)
    case = Case(rng)
    shape = Shape(rng, case)
    shape.columns = max(shape.columns, 2)
    shape.names = ["c%d" % i for i in range(shape.columns)]
    shape.keys = sorted(rng.sample(range(shape.columns), min(shape.columns - 1, rng.randint(1, 3))))
    shape.dated = set()
    shape.newlines = [rng.choice(["\n", "\r\n"])]
    case.opt.quote = rng.choice([b'"', b'"', b"'"])
    case.opt.delimiter = rng.choice([b",", b";", b"|", b"\t"])
    delimiter, quote = case.opt.delimiter.decode(), case.opt.quote.decode()
    shape.prepare(delimiter, quote, rng.choice([1, 5, 30, 300]))
    for k, values in shape.few.items():  # its folder reader takes NULL for null, its JavaScript drops a BOM
        shape.few[k] = [v for v in values if v[:1] != "\ufeff" and (v != "NULL" or k not in shape.keys)] or ["x"]
    case.opt.layout = "/".join("c%d={column.c%d}" % (k, k) for k in shape.keys)
    case.opt.compress = rng.random() < 0.2
    data = row_text(rng, shape.names, delimiter, quote) + shape.newlines[0]
    data += "".join(csv_rows(rng, shape, delimiter, quote, rng.choice(["tiny", "small", "medium", "large"])))
    case.files["data.csv"] = data.encode()
    return case, shape


def write_duck(seed, folder):
    case, shape = duck_case(seed)
    source = oracle.Source(case.files["data.csv"], case.opt, case.opt.delimiter)
    assert oracle.values_agree(source, case.opt)
    (folder / "in").mkdir(parents=True)
    (folder / "in/data.csv").write_bytes(case.files["data.csv"])
    rows = [[v.decode() for v in source.values(r)] for r in source.rows]
    about = {"arguments": case.arguments(), "names": shape.names, "keys": [shape.names[k] for k in shape.keys],
             "delimiter": case.opt.delimiter.decode(), "quote": case.opt.quote.decode(),
             "newline": shape.newlines[0], "suffix": ".csv.gz" if case.opt.compress else ".csv", "rows": rows}
    (folder / "case.json").write_text(json.dumps(about))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--dir", type=pathlib.Path, required=True)
    args = parser.parse_args()
    write_duck(args.seed, args.dir)


if __name__ == "__main__":
    main()
