#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Stands for the endpoint that gives a container its role's credentials (AWS_CONTAINER_CREDENTIALS_FULL_URI).

Usage: creds.py [--port N] [--token TEXT] [--lifetime SECONDS] [--failures N] [--key-id ID] [--secret TEXT]
                [--session-token TEXT] [--rotate] [--mode MODE] [--delay-ms N]
Its URL is the first line on stdout; any path but the two below is answered.
  --token      what the Authorization header must be; without it or with another: 403
  --lifetime   Expiration is that far away (default 3600; negative: it has expired)
  --failures   so many requests get a 500 first
  --rotate     the N-th answer's AccessKeyId ends in -N
  --mode       ok, or what is wrong with the answer: no-json, no-secret, no-expiration, bad-expiration, empty, huge,
               null, not-found (404), redirect, hang (no answer)
GET /__log is a list of the requests so far. POST /__options takes a JSON object of new values for the options.
"""
import argparse
import datetime
import http.server
import json
import threading
import time

MODES = ("ok", "no-json", "no-secret", "no-expiration", "bad-expiration", "empty", "huge", "null", "not-found",
         "redirect", "hang")


def answer_of(options, number):
    """A good or bad answer's status and text."""
    expires = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=options.lifetime)
    good = {"RoleArn": "arn:aws:iam::123456789012:role/role",
            "AccessKeyId": options.key_id + (f"-{number}" if options.rotate else ""),
            "SecretAccessKey": options.secret, "Token": options.session_token,
            "Expiration": expires.strftime("%Y-%m-%dT%H:%M:%SZ")}
    without = {"no-secret": "SecretAccessKey", "no-expiration": "Expiration"}.get(options.mode)
    good = {name: value for name, value in good.items() if name != without}
    if options.mode == "bad-expiration":
        good["Expiration"] = "soon"
    if options.mode == "not-found":
        return 404, json.dumps({"code": "NotFound", "message": "no credentials here"})
    text = json.dumps(good)
    return 200, {"no-json": "<html>" + text, "empty": "", "null": "null", "huge": text + " " * (8 << 20)}.get(
        options.mode, text)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        server = self.server
        with server.lock:
            if self.path == "/__log":
                self.say(200, json.dumps(server.log, indent=1) + "\n")
                return
            number = len(server.log) + 1
            status, text = self.decide(number)
            server.log.append({"number": number, "path": self.path, "status": status,
                               "authorization": self.headers.get("Authorization"),
                               "host": self.headers.get("Host"), "time": time.time()})
        time.sleep(server.options.delay_ms / 1000)
        if server.options.mode == "hang":
            server.never.wait()
        self.say(status, text)

    def decide(self, number):
        options = self.server.options
        if options.token is not None and self.headers.get("Authorization") != options.token:
            return 403, json.dumps({"code": "AccessDenied", "message": "the authorization token is not the right one"})
        if options.failures > 0:
            options.failures -= 1
            return 500, json.dumps({"code": "InternalServerError", "message": "try again"})
        if options.mode == "redirect":
            return 302, ""
        return answer_of(options, number)

    def do_POST(self):
        data = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))))
        unknown = set(data) - set(vars(self.server.options))
        if self.path != "/__options" or unknown or data.get("mode", "ok") not in MODES:
            self.say(400, f"no such option: {' '.join(unknown)}\n")
            return
        with self.server.lock:
            vars(self.server.options).update(data)
        self.say(200, "null\n")

    def say(self, status, text):
        data = text.encode()
        self.send_response_only(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        if status == 302:
            self.send_header("Location", "/elsewhere")
        self.end_headers()
        self.wfile.write(data)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--token")
    parser.add_argument("--lifetime", type=int, default=3600)
    parser.add_argument("--failures", type=int, default=0)
    parser.add_argument("--key-id", default="test")
    parser.add_argument("--secret", default="test")
    parser.add_argument("--session-token", default="session")
    parser.add_argument("--rotate", action="store_true")
    parser.add_argument("--mode", choices=MODES, default="ok")
    parser.add_argument("--delay-ms", type=int, default=0)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler, bind_and_activate=False)
    server.options = parser.parse_args()
    server.server_address = ("127.0.0.1", server.options.port)
    server.server_bind()
    server.server_activate()
    server.lock, server.log, server.never = threading.Lock(), [], threading.Event()
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
