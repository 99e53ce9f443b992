#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The style guide's mechanical half: one TAP line per rule, each offence as "# file:line: what".

Usage: style.py [FILE...]   (default: every file git knows or would add)
What a compiler, clang-tidy or shellcheck can see is left to them; see lint.sh.
"""
import pathlib
import re
import subprocess
import sys

MAX_FILE, MAX_FUNCTION, MAX_MAIN, MAX_MAKEFILE = 800, 80, 60, 150
SCRIPTS = {".sh", ".py", ".bats", ".bash"}
# Not folded: prose, data, and bats cases, whose names are sentences.
COLUMNS_OF = {".c": 100, ".h": 100, ".sh": 120, ".bash": 120, ".py": 120}

BANNED = """strcpy strcat sprintf vsprintf strncpy strncat strtok strtok_r atoi atol atoll atof gets
    scanf fscanf sscanf vscanf vsscanf vfscanf system popen alloca setjmp longjmp sigsetjmp signal rand
    srand random tmpnam tempnam mktemp strdupa strndupa
    localtime gmtime asctime ctime strsignal""".split()
# Calls with one home (paths below agent/).
HOMES = {
    "strerror": "base/err", "strerror_r": "base/err", "strerrordesc_np": "base/err",
    "fork": "run/spawn.c", "vfork": "run/spawn.c", "clone": "run/spawn.c", "posix_spawn": "base/program.c",
    "waitpid": ("run/", "base/program.c"), "wait": "run/", "wait4": "run/", "waitid": "run/",
    "sigaction": "base/signals.c", "signalfd": "base/signals.c",
    "clock_gettime": "base/clock.c", "gettimeofday": "base/clock.c", "time": "base/clock.c",
    "malloc": "base/mem.c", "calloc": "base/mem.c", "realloc": "base/mem.c",
    "reallocarray": "base/mem.c", "strdup": "base/mem.c", "strndup": "base/mem.c",
    "asprintf": "base/mem.c", "vasprintf": "base/mem.c",
    "sleep": "nowhere", "usleep": "nowhere", "nanosleep": "nowhere",
}
# Where a variable may live beside the job: log level and whose line the last of stderr is, signal fd, last
# words, how often progress is told (a setting of the log's kind), libcurl's start for all threads, the job.
VARIABLES = {"agent/base/log.c", "agent/base/signals.c", "agent/base/mem.c", "agent/base/progress.c",
             "agent/store/caller.c", "agent/main.c"}
FORMATTED = re.compile(r"\b(?:log_\w+|err_set|err_sys|err_prefix|\w*printf)\s*\(")

COLUMNS = "lines of at most 100 columns, in scripts 120"
problems = {}


def rule(name):
    problems.setdefault(name, [])
    return lambda path, line, text: problems[name].append(f"{path}:{line}: {text}")


def files_of_the_tree():
    out = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "-z"], check=True,
                         capture_output=True).stdout.decode()
    return sorted(p for p in set(out.split("\0")) if p and pathlib.Path(p).is_file())


def blank(text, keep_strings=False):
    """C text with comments (and the insides of literals) as blanks; newlines stay."""
    out, i = [], 0
    for m in re.finditer(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', text, re.S):
        out.append(text[i:m.start()])
        piece = m.group()
        if piece[0] == "/" or not keep_strings:
            inside = re.sub(r"[^\n]", " ", piece)
            piece = inside if piece[0] == "/" else piece[0] + inside[1:-1] + piece[-1]
        out.append(piece)
        i = m.end()
    return "".join(out) + text[i:]


def line_of(text, at):
    return text.count("\n", 0, at) + 1


# ---- every text file ----

def check_text(path, text):
    suffix = pathlib.Path(path).suffix
    lines = text.split("\n")
    code = suffix in {".c", ".h"} or suffix in SCRIPTS
    head = "\n".join(lines[:3])
    if (code or lines[0].startswith("#!")) and "SPDX-License-Identifier: MIT" not in head:
        rule("SPDX line on top")(path, 1, "no SPDX-License-Identifier line")
    limit = 100 if path == "Makefile" else COLUMNS_OF.get(suffix)
    if limit:
        for n, line in enumerate(lines, 1):
            if len(line) > limit:
                rule(COLUMNS)(path, n, f"{len(line)} columns")
    if code or path == "Makefile":
        for n, line in enumerate(lines, 1):
            if line != line.rstrip():
                rule("no blanks at line ends")(path, n, "blank at the end")
            if re.search(r"\b(TO" r"DO|FIX" r"ME)\b", line):
                rule("nothing left to do in the tree")(path, n, line.strip())
        if len(lines) - 1 > MAX_FILE:
            rule(f"files of at most {MAX_FILE} lines")(path, len(lines), f"{len(lines) - 1} lines")
        if text and not text.endswith("\n"):
            rule("no blanks at line ends")(path, len(lines), "no newline at the end")
    for n, line in enumerate(lines, 1):
        homes = "" if path.startswith("test/") else "|home|Users"  # a test's passwd file has homes
        if suffix != ".ipynb" and re.search(
                rf"(?<![\w.}}])/(?:work|root{homes})/[a-z.]"
                r"|https?://(?:[^/\s]*@|10\.|192\.168\.|[\w.-]+\.(?:internal|corp|lan|local)\b)"
                r"|\b(?:index-u" r"rl|trusted-ho" r"st|_authTo" r"ken)\b", line):
            rule("no machine's paths or hosts")(path, n, line.strip()[:120])


# ---- C ----

def functions(code):
    """(name, first line, last line) of each function: a { and a } alone in column 0."""
    lines = code.split("\n")
    start = None
    for n, line in enumerate(lines):
        if line == "{":
            head = n - 1
            while head > 0 and lines[head - 1].strip() and lines[head - 1][-1] not in ";}":
                head -= 1
            found = re.search(r"(\w+)\s*\(", " ".join(lines[head:n]))
            start = (found.group(1) if found else "?", head + 1)
        elif line == "}" and start:
            yield (*start, n + 1)
            start = None


def check_c(path, text):
    code = blank(text)
    n_head = text.find("*/")
    head = re.sub(r"SPDX\S*:? ?MIT|[/*\s]", "", text[:n_head])
    if len(head) < 10 and "/*" not in text[n_head:n_head + 8]:
        rule("a comment on top says what a file is for")(path, 1, "only the SPDX line")
    for n, line in enumerate(text.split("\n"), 1):
        if "\t" in line:
            rule("no tabs in C")(path, n, "tab")
    for name, first, last in functions(code):
        limit = MAX_MAIN if name == "main" and path == "agent/main.c" else MAX_FUNCTION
        if last - first + 1 > limit:
            rule(f"functions of at most {MAX_FUNCTION} lines, main {MAX_MAIN}")(
                path, first, f"{name}: {last - first + 1} lines")
    for m in re.finditer(r"\b(" + "|".join(BANNED) + r")\s*\(", code):
        rule("no banned function")(path, line_of(code, m.start()), m.group(1))
    for m in re.finditer(r"\btypedef\s+(struct|union|enum)\b", code):
        rule("no typedef of a struct")(path, line_of(code, m.start()), "typedef " + m.group(1))
    if path.startswith("agent/"):
        check_agent(path[len("agent/"):], text, code)


def check_agent(path, text, code):
    strings = blank(text, keep_strings=True)
    for m in re.finditer(r"(?<![\w.>])(" + "|".join(HOMES) + r")\s*\(", code):
        home = HOMES[m.group(1)]
        if not path.startswith(home):
            rule("calls with one home")("agent/" + path, line_of(code, m.start()),
                                        f"{m.group(1)} belongs to {home}")
    for m in re.finditer(r"\bopen(?:at)?\s*\((?:[^()]|\([^()]*\))*\)", strings):
        fills_0_to_2 = '"/dev/null"' in m.group()
        if "O_CLOEXEC" not in m.group() and not fills_0_to_2:
            rule("O_CLOEXEC on every open")("agent/" + path, line_of(code, m.start()), m.group()[:80])
    for m in FORMATTED.finditer(strings):
        format_text = re.search(r'"(?:[^"\\]|\\.)*"(?:\s*"(?:[^"\\]|\\.)*")*', strings[m.end():])
        if format_text and re.search(r"(?<!%)(?:%%)*%m", format_text.group()):
            if not path.startswith("base/err"):
                rule("errno becomes text in base/err only")("agent/" + path,
                                                            line_of(text, m.start()), "%m")
    check_includes(path, text)
    check_variables("agent/" + path, code)
    if path.endswith(".h"):
        check_header("agent/" + path, text)


def check_includes(path, text):
    """Dependencies point down: main -> stages -> store -> base; job.h is everybody's."""
    folder = path.split("/")[0] if "/" in path else ""
    allowed = {"base": {"base"}, "": {"base"}}.get(folder, {"base", folder})
    if folder in {"stage", "publish"}:
        allowed = allowed | {"store"}
    for m in re.finditer(r'^#include "([^"]+)"', text, re.M):
        to = m.group(1)
        there = to.split("/")[0] if "/" in to else ""
        fine = there in allowed or (to == "job.h" and folder != "base") or path == "main.c"
        if not fine:
            rule("includes point down, no stage knows another")(
                "agent/" + path, line_of(text, m.start()), to)


def statements(code):
    """(offset, text, depth) of each declaration or statement, initialisers and bodies left out."""
    code = re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", lambda m: re.sub(r"[^\n]", " ", m.group()), code,
                  flags=re.M)
    depth, start, text = 0, 0, ""
    for i, c in enumerate(code):
        if c in "{};":
            yield start, text + (c if c == ";" else " {" if c == "{" else ""), depth
            depth += (c == "{") - (c == "}")
            start, text = i + 1, ""
        else:
            text += c


def check_variables(path, code):
    if path in VARIABLES:
        return
    for at, text, depth in statements(code):
        decl = " ".join(text.split())
        name = decl.split("=")[0]
        is_static = re.match(r"static\b(?! inline)", decl)
        if depth == 0 and not re.match(r"(static|[a-z]\w* [\w*]+\s*(=|;|\[))", decl):
            continue
        if depth > 0 and not is_static:
            continue
        if re.match(r"(extern|typedef|enum|return|else|goto)\b", decl) or "(" in name:
            continue
        if re.match(r"(static )?(struct|union) \w+ ?[{;]", decl):
            continue
        constant = re.search(r"\*\s*const\b[^*]*$", name) if "*" in name else \
            re.search(r"\bconst\b", name)
        if not constant and re.search(r"\w", name) and (is_static or depth == 0):
            at += len(text) - len(text.lstrip())
            rule("no variables outside functions")(path, line_of(code, at), name.strip())


def check_header(path, text):
    """Functions: a comment above their group. Fields: one above or behind; lists v/n/cap excepted."""
    lines = text.split("\n")
    guard = path[len("agent/"):].replace("/", "_").replace(".", "_").upper()
    if f"#ifndef {guard}\n#define {guard}\n" not in text:
        rule("include guards named after the file")(path, 1, f"no guard {guard}")
    commented, in_struct, in_comment = False, False, False
    for n, line in enumerate(lines, 1):
        bare = blank(line).strip() if not in_comment else ""
        if in_comment:
            in_comment = "*/" not in line
            continue
        if "/*" in line and "*/" not in line:
            in_comment = True
        if not line.strip():
            commented = False
        elif not bare or "/*" in line:
            commented = True
        if re.match(r"(?:extern const )?struct \w+ \{$", bare):
            in_struct, commented = True, False
        elif bare.startswith("}"):
            in_struct = False
        elif in_struct and bare.endswith(";") and "/*" not in line:
            known = re.match(r"(?:size_t (?:n|cap)|struct \w+ \*v|(?:enum|struct) (\w+) \1);$", bare)
            if not commented and not known:
                rule("fields and functions in headers are commented")(path, n, bare)
        elif not in_struct and re.match(r"(?!static|#|extern|enum|typedef|\})[\w_].*\(", bare):
            known = re.search(r"_(?:free|init|clear)\(", bare)  # their meaning is the style guide's
            if not commented and not known and line[0] not in " \t":
                rule("fields and functions in headers are commented")(path, n, bare)


def main(paths):
    tree = paths or files_of_the_tree()
    for name in ("SPDX line on top", COLUMNS, "no blanks at line ends",
                 f"files of at most {MAX_FILE} lines", "nothing left to do in the tree",
                 "no machine's paths or hosts", "a comment on top says what a file is for",
                 "no tabs in C", f"functions of at most {MAX_FUNCTION} lines, main {MAX_MAIN}",
                 "no banned function", "no typedef of a struct", "calls with one home",
                 "O_CLOEXEC on every open", "errno becomes text in base/err only",
                 "includes point down, no stage knows another", "no variables outside functions",
                 "include guards named after the file", "fields and functions in headers are commented",
                 f"Makefile of at most {MAX_MAKEFILE} lines"):
        rule(name)
    for path in tree:
        try:
            text = pathlib.Path(path).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # a fuzz seed, an archive
        if path.startswith("test/fuzz/seeds/"):
            continue
        check_text(path, text)
        if path.endswith((".c", ".h")):
            check_c(path, text)
        if path == "Makefile" and text.count("\n") > MAX_MAKEFILE:
            rule(f"Makefile of at most {MAX_MAKEFILE} lines")(path, 1, f"{text.count(chr(10))} lines")
    for name, found in problems.items():
        print(f"{'not ok' if found else 'ok'} style: {name}")
        for text in found[:40]:
            print("# " + text)
        if len(found) > 40:
            print(f"# and {len(found) - 40} more")
    return any(problems.values())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
