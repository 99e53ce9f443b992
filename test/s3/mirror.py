#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes an S3 server and a folder tree DIR/bucket/key equal, one way or the other.

Usage: mirror.py push DIR URL [KEY_ID SECRET]    the server's buckets and objects become DIR's
       mirror.py pull DIR URL [KEY_ID SECRET]    DIR's files become the server's objects
What is the same already is left as it is, on both sides: times, modes and ETags stay. Links, special files and
empty folders below a bucket are nothing to S3: push leaves them out, pull removes such folders. A key that can be
no path (an empty part, "..", one key below another) is an error for pull. Plain HTTP, path style; the key pair is
test, test unless given. Needs nothing but Python's library, and starts fast: tests run it twice each.
"""
import hashlib
import http.client
import os
import shutil
import sys
import urllib.parse
import xml.etree.ElementTree as xml

import sigv4

TEMPORARY = b".mirror-new"


class Failed(Exception):
    """What went wrong, for the one who runs this."""


class Server:
    """An endpoint, over one connection that is kept."""

    def __init__(self, url, key_id, secret):
        self.host = urllib.parse.urlsplit(url).netloc
        self.pair = key_id, secret
        self.connection = http.client.HTTPConnection(self.host, timeout=60)

    def call(self, method, bucket=b"", key=None, query="", body=b"", fine=(200, 204)):
        """One request, signed; its answer's status and body."""
        target = "/" + sigv4.encode(bucket)
        if key is not None:
            target += "/" + sigv4.encode(key, "/")
        if query:
            target += "?" + query
        headers = sigv4.sign(method, target, self.host, *self.pair)
        if method == "PUT":
            size = len(body) if isinstance(body, bytes) else os.fstat(body.fileno()).st_size
            headers.append(("Content-Length", str(size)))
        self.connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
        for name, value in headers:
            self.connection.putheader(name, value)
        self.connection.endheaders(body or None)
        answer = self.connection.getresponse()
        data = answer.read()
        if answer.status not in fine:
            raise Failed(f"{method} {target}: status {answer.status}: {data[:300]!r}")
        return data

    def buckets(self):
        tree = xml.fromstring(self.call("GET"))
        return {e.text.encode() for e in tree.iter() if e.tag.endswith("}Name") or e.tag == "Name"}

    def objects(self, bucket):
        """{key: (size, ETag)}"""
        found, token = {}, ""
        while True:
            query = "list-type=2&encoding-type=url" + ("&continuation-token=" + sigv4.encode(token) if token else "")
            tree = xml.fromstring(self.call("GET", bucket, query=query))
            for e in tree.iter():
                e.tag = e.tag.rpartition("}")[2]
            encoded = tree.findtext("EncodingType") == "url"  # s3rver does not know it
            for e in tree.iter("Contents"):
                key = e.findtext("Key")
                key = urllib.parse.unquote_to_bytes(key.replace("+", "%20")) if encoded else key.encode()
                found[key] = int(e.findtext("Size")), e.findtext("ETag", "").strip('"')
            token = tree.findtext("NextContinuationToken")
            if tree.findtext("IsTruncated") != "true":
                return found


def files_of(folder):
    """{key: path} of the regular files below a bucket's folder."""
    found = {}
    for parent, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(parent, name)
            if os.path.isfile(path) and not os.path.islink(path):
                found[os.path.relpath(path, folder)] = path
    return found


def folders_of(root):
    return {e.name: e.path for e in os.scandir(root) if e.is_dir(follow_symlinks=False)}


def same(path, server, bucket, key, size, etag):
    """Whether a file is that object. An ETag of 32 digits is an MD5; others say nothing."""
    if os.lstat(path).st_size != size:
        return False
    with open(path, "rb") as f:
        if len(etag) == 32:
            return hashlib.md5(f.read()).hexdigest() == etag
        return f.read() == server.call("GET", bucket, key)


def push(root, server):
    here, there = folders_of(root), server.buckets()
    for bucket in there - set(here):
        for key in server.objects(bucket):
            server.call("DELETE", bucket, key)
        server.call("DELETE", bucket)
    for bucket, folder in here.items():
        if bucket.startswith(b".procagent-"):
            continue  # a folder store's own
        if bucket not in there:
            server.call("PUT", bucket)
        files = files_of(folder)
        objects = server.objects(bucket) if bucket in there else {}
        for key in set(objects) - set(files):
            server.call("DELETE", bucket, key)
        for key, path in files.items():
            if key not in objects or not same(path, server, bucket, key, *objects[key]):
                with open(path, "rb") as f:
                    server.call("PUT", bucket, key, body=f)


def fetch(server, bucket, key, path):
    """A new file, renamed to its place: who has the old one open goes on reading it."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    temporary = os.path.join(os.path.dirname(path), TEMPORARY)
    with open(temporary, "wb") as f:
        f.write(server.call("GET", bucket, key))
    os.rename(temporary, path)


def pull(root, server):
    here, there = folders_of(root), server.buckets()
    for bucket in set(here) - there:
        shutil.rmtree(here[bucket])
    for bucket in there:
        folder = os.path.join(root, bucket)
        os.makedirs(folder, exist_ok=True)
        objects = server.objects(bucket)
        for key in objects:
            if any(part in (b"", b".", b"..") for part in key.split(b"/")):
                raise Failed(f"pull: key {key!r} of bucket {bucket!r} can be no path")
        for key, path in files_of(folder).items():
            if key not in objects:
                os.unlink(path)
        for parent, _, _ in os.walk(folder, topdown=False):
            if parent != folder and not os.listdir(parent):
                os.rmdir(parent)
        for key, (size, etag) in objects.items():
            path = os.path.join(folder, key)
            if not os.path.isfile(path) or not same(path, server, bucket, key, size, etag):
                fetch(server, bucket, key, path)


def main(arguments):
    if len(arguments) not in (3, 5) or arguments[0] not in ("push", "pull"):
        print(__doc__, file=sys.stderr)
        return 2
    key_id, secret = arguments[3:] or ("test", "test")
    try:
        (push if arguments[0] == "push" else pull)(os.fsencode(arguments[1]), Server(arguments[2], key_id, secret))
    except (Failed, OSError, http.client.HTTPException) as e:
        print(f"mirror.py: {' '.join(arguments[:3])}: {e or type(e).__name__}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
