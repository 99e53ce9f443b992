#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compares every zone of the embedded table with Python's zoneinfo and the system's tzdata.

    zones_check.py TZDUMP [--zoneinfo DIR] [--from YEAR] [--until YEAR]

For each zone, offset, abbreviation and daylight saving flag must agree (a) in the first and the
last second of every period that tzdump prints and (b) at noon and midnight UTC of every day, so
that a change known to one side only is found. The sets of names must agree too.
Exit status: 0 all equal, 1 otherwise.
"""
import argparse
import datetime
import hashlib
import pathlib
import subprocess
import sys
import zoneinfo

UTC = datetime.timezone.utc
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=UTC)
GRID = 12 * 3600
# Files that describe this machine or zic's defaults; no names of the IANA database.
NOT_NAMES = {"localtime", "posixrules"}


def year_start(year):
    return int((datetime.datetime(year, 1, 1, tzinfo=UTC) - EPOCH).total_seconds())


def read_dump(program, start, end):
    """Returns the version and {zone: [(from, offset, is_dst, abbreviation), ...]}."""
    out = subprocess.run([program, str(start), str(end)], check=True, capture_output=True,
                         text=True).stdout
    version, zones, periods = None, {}, None
    for line in out.splitlines():
        words = line.split()
        if words[0] == "version":
            version = words[1]
        elif words[0] == "zone":
            periods = zones[words[1]] = []
        else:
            periods.append((int(words[0]), int(words[1]), int(words[2]), words[3]))
    return version, zones


def read_file(name):
    for folder in zoneinfo.TZPATH:
        path = pathlib.Path(folder, name)
        if path.is_file():
            return path.read_bytes()
    return name.encode()


def expected(zone, t):
    at = datetime.datetime.fromtimestamp(t, zone)
    return int(at.utcoffset().total_seconds()), int(bool(at.dst())), at.tzname()


def check_zone(name, periods, start, end):
    """Returns the first difference as text, or None."""
    zone = zoneinfo.ZoneInfo(name)
    if periods[0][0] != start:
        return f"starts at {periods[0][0]}"
    for i, (begin, *ours) in enumerate(periods):
        stop = periods[i + 1][0] if i + 1 < len(periods) else end
        times = {begin, stop - 1} if stop > begin else {begin}
        times.update(range(begin - begin % GRID + GRID, stop, GRID))
        for t in sorted(times):
            theirs = expected(zone, t)
            if tuple(ours) != theirs:
                return f"at {EPOCH + datetime.timedelta(seconds=t)} {t}: {ours}, not {theirs}"
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tzdump")
    parser.add_argument("--zoneinfo", default="/usr/share/zoneinfo", help="the reference")
    parser.add_argument("--from", dest="start", type=int, default=2015, metavar="YEAR")
    parser.add_argument("--until", dest="end", type=int, default=2038, metavar="YEAR")
    args = parser.parse_args()

    start, end = year_start(args.start), year_start(args.end)
    zoneinfo.reset_tzpath([args.zoneinfo])
    version, zones = read_dump(args.tzdump, start, end)
    names = zoneinfo.available_timezones() - NOT_NAMES
    wrong = 0
    for name in sorted(names ^ set(zones)):
        print(f"{name}: {'missing from' if name in names else 'only in'} the embedded table")
        wrong += 1

    # Links: the same file and the same dump give the same comparison, so it is made once.
    done = {}
    compared = 0
    for name in sorted(names & set(zones)):
        key = (hashlib.sha256(read_file(name)).digest(), tuple(zones[name]))
        if key not in done:
            done[key] = check_zone(name, zones[name], start, end)
        compared += 1
        if done[key]:
            print(f"{name}: {done[key]}")
            wrong += 1

    changes = sum(len(periods) - 1 for periods in zones.values())
    print(f"{compared} of {len(names)} zones compared from {args.start} to {args.end}, "
          f"{len(done)} of them distinct, {changes} changes, tz database {version}: {wrong} wrong")
    return 1 if wrong or not compared else 0


if __name__ == "__main__":
    sys.exit(main())
