#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A proxy in front of an S3 server that fails on demand, keeps a log, and can check signatures.

Usage: proxy.py URL [--port N] [--faults FILE] [--verify KEY_ID SECRET] [--region NAME]
Its own URL is the first line on stdout. Requests go on unchanged, Host header and all; both bodies stream.

Control, without credentials: POST /__faults sets the rules, a JSON list (--faults names a file with one); GET it for
what is left of them; GET /__log, a list of the requests so far; GET /__stats; POST /__reset forgets all of it.

A rule: {"method": REGEX, "path": REGEX, "skip": N, "count": N, "action": {...}}. Both expressions must match, path
within path?query as sent; missing ones match all. The first `skip` requests pass, then `count` (1; -1 for ever) get
the action; the first rule that has one left wins. What an action may have:
  delay_ms N               wait before anything else, or, with stall_after N, after N bytes of the answer's body
  status N, body TEXT      this answer instead of the server's; {"garbage": TEXT}: the same with status 200
  redirect {status, location, region}   S3's answer to who asks at the wrong place
  raw TEXT                 these bytes instead of an answer, then the end
  drop true                no answer: the connection ends before the request goes on
  lose_answer true         the request is done, its answer dropped
  cut_request_after N      the connection ends after N bytes of the request's body; nothing goes on
  cut_after N              it ends after N bytes of the answer's body;  truncate N: N bytes before its end
  flip_byte N              byte N of the answer's body is another
  change_etag TEXT         the answer's ETag;  headers {NAME: VALUE or null}: other headers of the answer
  reset true               connections end by a reset, not in order
"""
import argparse
import hashlib
import http.client
import http.server
import json
import re
import socket
import struct
import sys
import threading
import time
import urllib.parse
from xml.sax.saxutils import escape

import sigv4

PIECE = 1 << 16
HOP_BY_HOP = {"connection", "keep-alive", "te", "transfer-encoding", "upgrade", "proxy-connection"}
KEPT = re.compile(r"range|if-.*|content-(length|md5|type)|expect|user-agent|host|x-amz-(?!security-token).*")
ACTIONS = {"delay_ms", "stall_after", "status", "body", "garbage", "redirect", "raw", "drop", "lose_answer",
           "cut_request_after", "cut_after", "truncate", "flip_byte", "change_etag", "headers", "reset"}


class Cut(Exception):
    """The client's connection ends here."""


class Board:
    """What all connections share: rules, log, counts."""

    def __init__(self):
        self.lock = threading.Lock()
        self.rules = []
        self.began = time.monotonic()
        self.forget()

    def forget(self):
        with self.lock:
            self.rules, self.log, self.connections = [], [], set()
            self.in_flight = self.max_in_flight = 0

    def set_rules(self, rules):
        for rule in rules:
            unknown = set(rule) - {"method", "path", "skip", "count", "action"} | set(rule["action"]) - ACTIONS
            if unknown:
                raise ValueError("unknown: " + " ".join(sorted(unknown)))
            re.compile(rule.get("method", "") + rule.get("path", ""))
        with self.lock:
            self.rules = [{"skip": 0, "count": 1, **rule} for rule in rules]

    def action(self, method, target):
        with self.lock:
            for rule in self.rules:
                if rule["count"] == 0 or not re.fullmatch(rule.get("method", ".*"), method) \
                        or not re.search(rule.get("path", ""), target):
                    continue
                if rule["skip"] > 0:
                    rule["skip"] -= 1
                    continue
                rule["count"] -= rule["count"] > 0
                return rule["action"]
        return None

    def begin(self, entry):
        with self.lock:
            entry.update(number=len(self.log) + 1, began=time.monotonic() - self.began)
            self.log.append(entry)
            self.connections.add(entry["connection"])
            self.in_flight += 1
            self.max_in_flight = max(self.max_in_flight, self.in_flight)

    def end(self, entry):
        with self.lock:
            entry["ended"] = time.monotonic() - self.began
            self.in_flight = max(self.in_flight - 1, 0)

    def stats(self):
        return {"requests": len(self.log), "connections": len(self.connections), "in_flight": self.in_flight,
                "max_in_flight": self.max_in_flight}


def error_xml(code, message, more=""):
    return (f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{escape(message)}</Message>'
            f"{more}<RequestId>PROXY</RequestId></Error>")


def redirect(where):
    status = where.get("status", 301)
    headers, more = {"Content-Type": "application/xml"}, ""
    if "location" in where:
        headers["Location"] = where["location"]
        more = f"<Endpoint>{escape(urllib.parse.urlsplit(where['location']).netloc)}</Endpoint>"
    if "region" in where:
        headers["x-amz-bucket-region"] = where["region"]
    code = "PermanentRedirect" if status == 301 else "TemporaryRedirect"
    return status, headers, error_xml(code, "use the other endpoint", more)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 300

    def log_message(self, *_):
        pass

    def handle_expect_100(self):
        return True  # said when the body is wanted: in body()

    # ---- the request ----

    def serve(self):
        self.target = self.raw_requestline.split()[1].decode("latin-1")  # self.path may have lost a slash
        self.wants_100 = self.headers.get("Expect", "").lower() == "100-continue"
        if self.target.startswith("/__"):
            self.control()
            return
        self.entry = self.describe()
        board = self.server.board
        board.begin(self.entry)
        action = {}
        try:
            refused = self.check()
            action = board.action(self.command, self.target) or {}
            self.entry["fault"] = action or None
            self.handle_as(action, refused)
        except (Cut, OSError) as e:
            self.close_connection = True
            self.entry["cut"] = type(e).__name__ if isinstance(e, OSError) else "by rule"
            if action.get("reset"):
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.server.resets.add(self.connection)
        finally:
            board.end(self.entry)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = serve

    def describe(self):
        headers = {n.lower(): v for n, v in self.headers.items() if KEPT.fullmatch(n.lower())}
        credential = re.search(r"Credential=([^, ]+)", self.headers.get("Authorization", ""))
        return {"method": self.command, "path": self.target, "headers": headers, "status": None, "fault": None,
                "credential": credential.group(1) if credential else None, "cut": None, "sent": 0,
                "token": "x-amz-security-token" in self.headers, "signed": None,
                "connection": self.client_address[1]}

    def check(self):
        """(status, code, message) when signatures are checked and this one is wrong."""
        if not self.server.pair:
            return None
        refused = sigv4.refusal(self.command, self.target, self.headers.items(), *self.server.pair,
                                region=self.server.region)
        self.entry["signed"] = not refused
        return refused

    def body(self):
        """The request's body, in pieces."""
        if self.wants_100:
            self.wants_100 = False
            self.send_response_only(100)
            self.end_headers()
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            while size := int(self.rfile.readline().split(b";")[0], 16):
                yield self.rfile.read(size)
                self.rfile.readline()
            while self.rfile.readline().strip():
                pass
            return
        left = int(self.headers.get("Content-Length", 0))
        while left > 0:
            piece = self.rfile.read1(min(left, PIECE))
            if not piece:
                raise ConnectionAbortedError("the client left in the middle of its body")
            left -= len(piece)
            yield piece

    def handle_as(self, action, refused):
        if "delay_ms" in action and "stall_after" not in action:
            time.sleep(action["delay_ms"] / 1000)
        if action.get("drop"):
            raise Cut
        if "cut_request_after" in action:
            seen = 0
            for piece in self.body():
                seen += len(piece)
                if seen >= action["cut_request_after"]:
                    break
            raise Cut
        if "raw" in action:
            self.wfile.write(action["raw"].encode())
            raise Cut
        if "redirect" in action:
            status, headers, text = redirect(action["redirect"])
            self.answer(status, {**headers, **action.get("headers", {})}, text)
        elif "status" in action or "garbage" in action:
            text = action.get("garbage", action.get("body", ""))
            headers = {"Content-Type": "application/xml", **action.get("headers", {})}
            self.answer(action.get("status", 200), headers, text)
        elif refused:
            self.answer(refused[0], {"Content-Type": "application/xml"}, error_xml(*refused[1:]))
        else:
            self.forward(action)

    def answer(self, status, headers, text):
        """An answer of our own. A client that waits for 100 Continue gets this instead, as S3 does it."""
        data = text.encode()
        if self.wants_100:
            self.close_connection = True
        else:
            for _ in self.body():
                pass
        self.entry["status"] = status
        self.send_response_only(status)
        for name, value in headers.items():
            if value is not None:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)
            self.entry["sent"] = len(data)

    # ---- to the server and back ----

    def forward(self, action):
        pieces = self.body()
        expected = self.headers.get("x-amz-content-sha256", "")
        if self.server.pair and re.fullmatch("[0-9a-f]{64}", expected):
            pieces = list(pieces)
            if hashlib.sha256(b"".join(pieces)).hexdigest() != expected:
                self.entry["signed"] = False
                self.wants_100 = False
                self.send_mismatch()
                return
        connection = http.client.HTTPConnection(self.server.upstream, timeout=300)
        try:
            self.send_on(connection, pieces)
            with connection.getresponse() as answer:
                if action.get("lose_answer"):
                    answer.read()
                    raise Cut
                self.relay(answer, action)
        except (http.client.HTTPException, ConnectionRefusedError) as e:
            print(f"proxy.py: {self.command} {self.target}: upstream: {e!r}", file=sys.stderr, flush=True)
            raise Cut from e
        finally:
            connection.close()

    def send_mismatch(self):
        text = error_xml("XAmzContentSHA256Mismatch", "x-amz-content-sha256 is not that of the body")
        self.headers.replace_header("Content-Length", "0")  # it is read already
        self.answer(400, {"Content-Type": "application/xml"}, text)

    def send_on(self, connection, pieces):
        connection.putrequest(self.command, self.target, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in HOP_BY_HOP and name.lower() != "expect":
                connection.putheader(name, value)
        chunked = "Transfer-Encoding" in self.headers
        if chunked:
            connection.putheader("Transfer-Encoding", "chunked")
        connection.putheader("Connection", "close")
        connection.endheaders()
        try:
            for piece in pieces:
                connection.send(b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece)
            if chunked:
                connection.send(b"0\r\n\r\n")
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True  # the server answered without reading all; its answer counts

    def relay(self, answer, action):
        other = dict(action.get("headers", {}))
        if "change_etag" in action:
            other["ETag"] = action["change_etag"]
        replaced = {name.lower() for name in other} | HOP_BY_HOP
        bodiless = self.command == "HEAD" or answer.status in (204, 304)
        chunked = not bodiless and answer.length is None
        self.entry["status"] = answer.status
        self.send_response_only(answer.status, answer.reason)
        for name, value in answer.getheaders() + [(n, v) for n, v in other.items() if v is not None]:
            if name.lower() not in replaced or name in other:
                self.send_header(name, value)
        if chunked:
            self.send_header("Transfer-Encoding", "chunked")
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if bodiless:
            return
        for piece in self.edited(answer, action):
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece)
            self.entry["sent"] += len(piece)
        if chunked:
            self.wfile.write(b"0\r\n\r\n")

    def edited(self, answer, action):
        """The answer's body in pieces, with what the action does to it."""
        end = action.get("cut_after")
        if "truncate" in action and answer.length is not None:
            end = max(answer.length - action["truncate"], 0)
        stall, flip, at = action.get("stall_after"), action.get("flip_byte"), 0
        while True:
            stops = [stop - at for stop in (end, stall) if stop is not None and stop > at]
            if end is not None and at >= end:
                raise Cut
            if stall is not None and at >= stall:
                time.sleep(action.get("delay_ms", 0) / 1000)
                stall = None
            piece = answer.read1(min([PIECE, *stops]))
            if not piece:
                return
            if flip is not None and at <= flip < at + len(piece):
                piece = bytearray(piece)
                piece[flip - at] ^= 1
            at += len(piece)
            yield bytes(piece)

    # ---- control ----

    def control(self):
        board, data = self.server.board, b"".join(self.body())
        status, value = 200, None
        if self.command == "POST" and self.target == "/__faults":
            try:
                board.set_rules(json.loads(data))
            except (ValueError, KeyError, TypeError, re.error) as e:
                status, value = 400, f"no rules: {e!r}"
        elif self.command == "POST" and self.target == "/__reset":
            board.forget()
        elif self.command == "GET" and self.target in ("/__log", "/__stats", "/__faults"):
            with board.lock:
                value = {"/__log": board.log, "/__faults": board.rules}.get(self.target, board.stats())
                value = json.loads(json.dumps(value))
        else:
            status, value = 404, "no such control"
        data = (json.dumps(value, indent=1) + "\n").encode()
        self.send_response_only(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128

    def __init__(self, options):
        super().__init__(("127.0.0.1", options.port), Handler)
        self.board = Board()
        self.upstream = urllib.parse.urlsplit(options.url).netloc
        self.pair, self.region = options.verify, options.region
        self.resets = set()

    def shutdown_request(self, request):
        # A shutdown would send FIN before the reset that was asked for.
        if request in self.resets:
            self.resets.discard(request)
            request.close()
        else:
            super().shutdown_request(request)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--faults")
    parser.add_argument("--verify", nargs=2, metavar=("KEY_ID", "SECRET"))
    parser.add_argument("--region")
    options = parser.parse_args()
    server = Server(options)
    if options.faults:
        with open(options.faults, encoding="utf-8") as f:
            server.board.set_rules(json.load(f))
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
