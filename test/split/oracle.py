# SPDX-License-Identifier: MIT
"""What `procagent partition` must make of a folder, written again from the specification alone.

Boundaries and bytes come from a small scanner here; values are checked against Python's csv module
(values_agree). Nothing is shared with the agent's sources.
"""
import csv
import dataclasses
import datetime
import gzip
import io
import json
import re
import zoneinfo

SENTINEL = b"__HIVE_DEFAULT_PARTITION__"
BOM = b"\xef\xbb\xbf"
ESCAPED = {*range(0x20), 0x7f, *b"\"#%'*/:=?[\\]^{"}  # Hive's 47 characters
SUFFIXES = {".csv": "csv", ".tsv": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl"}
csv.field_size_limit(1 << 30)


@dataclasses.dataclass
class Options:
    """[output] keys, with the agent's defaults."""
    layout: str = ""
    match: str = ""                 # only "{NAME}/*.EXT", one folder
    format: str = "auto"
    delimiter: bytes = b""          # b"": the format's own
    quote: bytes = b'"'             # b"": none
    header: bool = True
    columns: tuple = ()
    null: bytes = None              # null=VALUE
    null_fail: bool = False
    sentinel_null: bool = False
    keep_columns: bool = False
    reject: bool = False
    compress: bool = False
    max_row_size: int = 32 << 20
    max_file_size: int = 0
    timezone: str = "UTC"
    time: str = "2021-12-14T15:30:00Z"


class Bad(Exception):
    """A bad row: what is wrong with it and the value that is."""

    def __init__(self, kind, value=b""):
        super().__init__(kind)
        self.kind, self.value = kind, value


class Refused(Exception):
    """The run must end with 125 and name this file, row (0: none) and value."""

    def __init__(self, name, row, kind, value=b""):
        super().__init__(f"{name}: row {row}: {kind} {value[:80]!r}")
        self.name, self.row, self.kind, self.value = name, row, kind, value


@dataclasses.dataclass
class Record:
    """A record's place in its file: [start, stop) are its fields, [stop, end) its newline."""
    start: int
    stop: int
    end: int
    spans: list
    fault: str = ""


@dataclasses.dataclass
class Result:
    files: dict = dataclasses.field(default_factory=dict)      # path -> bytes, uncompressed
    leaves: dict = dataclasses.field(default_factory=dict)     # partition -> rows
    rows: dict = dataclasses.field(default_factory=dict)       # path -> decoded rows left there
    rows_in: int = 0
    rows_out: int = 0
    rows_rejected: int = 0
    blank_lines: int = 0
    split: int = 0                                             # files that had rows
    without_rows: int = 0


# ---- CSV ----

def scan(data, delimiter, quote, pos=0):
    """Yields every line as a Record, blank ones too (no spans). A record with a fault ends at the next LF."""
    special = re.compile(b"[\\n\\r\\0" + re.escape(delimiter) + re.escape(quote) + b"]")
    while pos < len(data):
        record = read_record(data, delimiter, quote, special, pos)
        yield record
        pos = record.end


def newline_at(data, pos):
    """Bytes of the newline there; -1 at the end of the file, 0 when there is none."""
    if pos == len(data):
        return -1
    if data[pos] == 0x0a:
        return 1
    return 2 if data[pos:pos + 2] == b"\r\n" else 0


def read_record(data, delimiter, quote, special, start):
    if newline_at(data, start) > 0:
        return Record(start, start, start + newline_at(data, start), [])
    pos, spans, fault = start, [], ""
    while True:
        begin = pos
        if quote and data.startswith(quote, pos):
            pos = closing_quote(data, quote, pos)
            if pos < 0:
                return Record(start, len(data), len(data), spans, fault or "unclosed quote")
            if data.find(b"\0", begin, pos) >= 0:
                fault = fault or "NUL"
            if not data.startswith(delimiter, pos) and newline_at(data, pos) == 0:
                return broken(data, start, pos, spans, fault or "text after a closing quote")
        else:
            pos, what = plain_end(data, delimiter, special, pos)
            if what == "stray quote":
                return broken(data, start, pos, spans, fault or what)
            fault = fault or what
        spans.append((begin, pos))
        if data.startswith(delimiter, pos):
            pos += len(delimiter)
            continue
        return Record(start, pos, pos + max(newline_at(data, pos), 0), spans, fault)


def closing_quote(data, quote, pos):
    """Behind the quote that closes the one at `pos`, or -1."""
    pos = data.find(quote, pos + 1)
    while pos >= 0 and data.startswith(quote, pos + 1):
        pos = data.find(quote, pos + 2)
    return pos + 1 if pos >= 0 else -1


def plain_end(data, delimiter, special, pos):
    """Where an unquoted field ends, and what is wrong in it."""
    fault = ""
    while True:
        found = special.search(data, pos)
        if not found:
            return len(data), fault
        pos = found.start()
        if found.group() == delimiter or newline_at(data, pos) > 0:
            return pos, fault
        if found.group() == b"\0":
            fault = fault or "NUL"
        elif found.group() == b"\r":
            fault = fault or "bare CR"
        else:
            return pos, fault or "stray quote"
        pos += 1


def broken(data, start, pos, spans, fault):
    lf = data.find(b"\n", pos)
    end = len(data) if lf < 0 else lf + 1
    return Record(start, end, end, spans, fault)


def decode(raw, quote):
    if quote and raw.startswith(quote):
        return raw[1:-1].replace(quote + quote, quote)
    return raw


class Source:
    """A CSV file's records: header, rows, blank lines."""

    def __init__(self, data, opt, delimiter):
        self.data = data[len(BOM):] if data.startswith(BOM) else data
        self.quote, self.delimiter = opt.quote, delimiter
        self.header, self.names, self.rows, self.blank = None, list(opt.columns), [], 0
        self.count = len(self.names)
        for record in scan(self.data, delimiter, opt.quote):
            if not record.spans and not record.fault:
                if self.count != 1:
                    self.blank += 1
                    continue
                record.spans = [(record.start, record.start)]
            if opt.header and self.header is None:
                self.header = record
                self.names = self.values(record)
                self.count = len(self.names)
                continue
            self.count = self.count or len(record.spans)
            if not record.fault and len(record.spans) != self.count:
                record.fault = "number of fields"
            if record.end - record.start > opt.max_row_size:
                record.fault = record.fault or "too long"
            self.rows.append(record)

    def values(self, record):
        return [decode(self.data[a:b], self.quote) for a, b in record.spans]

    def raw(self, record):
        return self.data[record.start:record.end]

    def without(self, record, dropped):
        """The record's bytes without these columns; "" when its only field left has no bytes."""
        if not dropped:
            return self.raw(record)
        left = [self.data[a:b] for i, (a, b) in enumerate(record.spans) if i not in dropped]
        if left == [b""]:
            left = [self.quote * 2]
        return self.delimiter.join(left) + self.data[record.stop:record.end]

    def column(self, name):
        if name.isdigit():
            return int(name) - 1
        return self.names.index(name.encode())


def values_agree(source, opt):
    """Python's csv module reads the same records and values (only for files without a fault)."""
    text = io.StringIO(source.data.decode("latin-1"), newline="")
    style = {"quoting": csv.QUOTE_NONE, "quotechar": None} if not opt.quote else \
        {"quotechar": opt.quote.decode("latin-1"), "doublequote": True}
    theirs = list(csv.reader(text, delimiter=source.delimiter.decode("latin-1"), strict=True, **style))
    theirs = [row or [""] for row in theirs if row or source.count == 1]
    ours = ([source.header] if source.header else []) + source.rows
    ours = [[v.decode("latin-1") for v in source.values(r)] for r in ours]
    return ours == theirs


# ---- layouts ----

def layout_levels(layout):
    """[(key, [("text", s) or ("column", name, format) or ("time", format) or ("path", name)])]."""
    levels = []
    for level in re.findall(r"(?:[^/{]|\{[^}]*\})+", layout):
        key, template = level.split("=", 1)
        parts = []
        for text, source in re.findall(r"([^{]+)|\{([^}]*)\}", template):
            if text:
                parts.append(("text", text.encode()))
                continue
            name, colon, form = source.partition(":%")
            form = "%" + form if colon else ""
            if name == "time":
                parts.append(("time", form or "%Y-%m-%d"))
            elif name.startswith("path."):
                parts.append(("path", name[5:]))
            else:
                parts.append(("column", name[7:], form))
        levels.append((key, parts))
    return levels


def layout_columns(layout):
    return [p[1] for _, parts in layout_levels(layout) for p in parts if p[0] == "column"]


ISO = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d):(\d\d)(?:\.\d+)?(Z|[+-]\d\d:\d\d)?)?")


def iso_format(text, form, zone):
    """A date or timestamp as the format says it, in `zone` when it carries an offset; None when it is none."""
    found = ISO.fullmatch(text)
    if not found:
        return None
    numbers = [int(g or 0) for g in found.groups()[:6]]
    try:
        when = datetime.datetime(*numbers)
    except ValueError:
        return None
    offset = found.group(7)
    if offset:
        minutes = 0 if offset == "Z" else int(offset[1:3]) * 60 + int(offset[4:6])
        sign = -1 if offset[0] == "-" else 1
        when = when.replace(tzinfo=datetime.timezone(sign * datetime.timedelta(minutes=minutes)))
        when = when.astimezone(zoneinfo.ZoneInfo(zone))
    return when.strftime(form)


def escape(value):
    return b"".join(b"%%%02X" % c if c in ESCAPED else bytes([c]) for c in value)


def level_value(parts, opt, pieces, value_of):
    out, null = b"", False
    for part in parts:
        if part[0] == "text":
            out += part[1]
        elif part[0] == "time":
            out += iso_format(opt.time, part[1], opt.timezone).encode()
        elif part[0] == "path":
            out += pieces[part[1]]
        else:
            value = value_of(part[1])
            if not value and opt.null is not None:
                out += opt.null
            elif not value and opt.null_fail:
                raise Bad("null")
            elif not value:
                null = True
            elif value.lower() == SENTINEL.lower():
                if not opt.sentinel_null:
                    raise Bad("sentinel", value)
                null = True
            else:
                out += column_text(value, part[2], opt)
    return SENTINEL if null else escape(out)


def column_text(value, form, opt):
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError:
        raise Bad("UTF-8", value) from None
    if not form:
        return value
    shown = iso_format(text, form, opt.timezone)
    if shown is None:
        raise Bad("date", value)
    return shown.encode()


def partition_of(levels, opt, pieces, value_of):
    return b"/".join(key.encode() + b"=" + level_value(parts, opt, pieces, value_of)
                     for key, parts in levels).decode("utf-8")


# ---- whole folders ----

def kind_of(path, opt):
    if opt.format != "auto":
        return opt.format
    path = path[:-3] if path.endswith(".gz") else path
    return SUFFIXES["." + path.rsplit(".", 1)[1]]


def hidden(path):
    return any(part[0] in "_." for part in path.split("/"))


def target_name(path, opt, pieces):
    """The file's name in a partition: folders that the partition tells already do not count."""
    if pieces:
        path = path.split("/", 1)[1]
    name = path.replace("/", "-")
    name = name[:-3] if name.endswith(".gz") else name
    return name + (".gz" if opt.compress else "")


def numbered(name, ordinal):
    if ordinal == 0:
        return name
    found = re.fullmatch(r"(.*?)((?:\.[^.]*)?(?:\.gz)?)", name)
    return f"{found.group(1)}-{ordinal:05d}{found.group(2)}"


class Writer:
    """Collects the rows of one source by partition."""

    def __init__(self, result, opt, name, header, reject_header):
        self.result, self.opt, self.name = result, opt, name
        self.header, self.reject_header, self.open = header, reject_header, {}

    def add(self, folder, raw, values):
        opt = self.opt
        ordinal, rows = self.open.get(folder, (0, 0))
        path = f"{folder}/{numbered(self.name, ordinal)}"
        if rows and opt.max_file_size and \
                len(self.result.files[path]) + len(raw) > opt.max_file_size:
            ordinal, rows = ordinal + 1, 0
            path = f"{folder}/{numbered(self.name, ordinal)}"
        self.open[folder] = (ordinal, rows + 1)
        if rows == 0:
            self.result.files[path] = bytearray(self.header)
        self.result.files[path] += raw
        self.result.rows.setdefault(path, []).append(values)
        self.result.leaves[folder] = self.result.leaves.get(folder, 0) + 1
        self.result.rows_out += 1

    def reject(self, raw):
        path = "_rejected/" + self.name.removesuffix(".gz")  # for people to read: never compressed
        if path not in self.result.files:
            self.result.files[path] = bytearray(self.reject_header)
        self.result.files[path] += raw
        self.result.rows_rejected += 1


def split_csv(path, data, opt, pieces, result):
    delimiter = opt.delimiter or (b"\t" if kind_of(path, opt) == "tsv" else b",")
    source = Source(data, opt, delimiter)
    result.blank_lines += source.blank
    if not source.rows:
        result.without_rows += 1
        return
    result.split += 1
    levels = layout_levels(opt.layout)
    keys = {name: source.column(name) for name in layout_columns(opt.layout)}
    dropped = set() if opt.keep_columns else set(keys.values())
    header, full_header = b"", b""
    if source.header:
        header, full_header = source.without(source.header, dropped), source.raw(source.header)
    writer = Writer(result, opt, target_name(path, opt, pieces), header, full_header)
    known = {}
    for number, record in enumerate(source.rows, 2 if source.header else 1):
        result.rows_in += 1
        try:
            if record.fault:
                raise Bad(record.fault)
            values = source.values(record)
            chosen = tuple(values[k] for k in keys.values())
            folder = known.get(chosen)
            if not folder:
                folder = partition_of(levels, opt, pieces, lambda name: values[keys[name]])
                known[chosen] = folder
        except Bad as bad:
            if not opt.reject:
                raise Refused(path, number, bad.kind, bad.value) from None
            writer.reject(source.raw(record))
            continue
        left = [v for i, v in enumerate(values) if i not in dropped]
        writer.add(folder, source.without(record, dropped), left)


def json_value(line, name):
    try:
        row = json.loads(line)
    except ValueError:
        raise Bad("JSON") from None
    if not isinstance(row, dict):
        raise Bad("JSON")
    value = row.get(name)
    if value is None:
        return b""
    if isinstance(value, bool):
        return b"true" if value else b"false"
    if isinstance(value, (str, int)):
        try:
            return str(value).encode()
        except UnicodeEncodeError:
            raise Bad("JSON") from None
    raise Bad("kind of value")


def split_jsonl(path, data, opt, pieces, result):
    data = data[len(BOM):] if data.startswith(BOM) else data
    lines = re.findall(rb"[^\n]*\n|[^\n]+$", data)
    rows = [line for line in lines if line.strip(b"\r\n")]
    result.blank_lines += len(lines) - len(rows)
    if not rows:
        result.without_rows += 1
        return
    result.split += 1
    levels = layout_levels(opt.layout)
    writer = Writer(result, opt, target_name(path, opt, pieces), b"", b"")
    for number, line in enumerate(rows, 1):
        result.rows_in += 1
        try:
            if len(line) > opt.max_row_size:
                raise Bad("too long")
            folder = partition_of(levels, opt, pieces, lambda name: json_value(line, name))
        except Bad as bad:
            if not opt.reject:
                raise Refused(path, number, bad.kind, bad.value) from None
            writer.reject(line)
            continue
        writer.add(folder, line, [line])


def split(files, opt):
    """The Result for a folder that holds `files` (path -> bytes as on disk); Refused when it must fail."""
    result = Result()
    for path, data in sorted(files.items()):
        if hidden(path):
            result.files[path] = bytearray(data)
            continue
        data = gzip.decompress(data) if path.endswith(".gz") else data
        pieces = {}
        if opt.match:
            pieces = {opt.match[1:opt.match.index("}")]: path.split("/")[0].encode()}
        work = split_jsonl if kind_of(path, opt) == "jsonl" else split_csv
        work(path, data, opt, pieces, result)
    return result
