# SPDX-License-Identifier: MIT
"""AWS Signature Version 4 for S3, both sides: mirror.py signs, proxy.py checks.

Written from Amazon's description and not from libcurl's or botocore's code, so that it can be held against
either; surroundings.bats does, with curl and the AWS CLI. Headers are lists of (name, value).
"""
import datetime
import hashlib
import hmac
import re
import urllib.parse

EMPTY = hashlib.sha256(b"").hexdigest()
UNSIGNED = "UNSIGNED-PAYLOAD"
SKEW = datetime.timedelta(minutes=15)
NAMED = re.compile(r"AWS4-HMAC-SHA256 +Credential=([^,\s]+),\s*SignedHeaders=([^,\s]+),\s*Signature=([0-9a-f]{64})$")


def encode(data, safe=""):
    return urllib.parse.quote(data, safe=safe + "-_.~")


def canonical_query(query):
    pairs = []
    for part in query.split("&") if query else []:
        name, _, value = part.partition("=")
        pairs.append((encode(urllib.parse.unquote_to_bytes(name)), encode(urllib.parse.unquote_to_bytes(value))))
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))


def signature(method, target, headers, names, scope, secret):
    """The signature of a request for `target` (path and query as sent), over the headers of these names."""
    path, _, query = target.partition("?")
    values = {}
    for name, value in headers:
        values.setdefault(name.lower(), []).append(" ".join(value.split()))
    lines = [f"{name}:{','.join(values.get(name, ['']))}\n" for name in names]
    request = "\n".join([method, encode(urllib.parse.unquote_to_bytes(path), "/"), canonical_query(query),
                         "".join(lines), ";".join(names), values["x-amz-content-sha256"][0]])
    text = "\n".join(["AWS4-HMAC-SHA256", values["x-amz-date"][0], scope,
                      hashlib.sha256(request.encode()).hexdigest()])
    key = ("AWS4" + secret).encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def sign(method, target, host, key_id, secret, payload=UNSIGNED, region="us-east-1"):
    """The headers that such a request needs."""
    date = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    headers = [("Host", host), ("x-amz-content-sha256", payload), ("x-amz-date", date)]
    names = sorted(name.lower() for name, _ in headers)
    scope = f"{date[:8]}/{region}/s3/aws4_request"
    made = signature(method, target, headers, names, scope, secret)
    return headers + [("Authorization", f"AWS4-HMAC-SHA256 Credential={key_id}/{scope}, "
                                        f"SignedHeaders={';'.join(names)}, Signature={made}")]


def refusal(method, target, headers, key_id, secret, region=None):
    """None when the request is signed as S3 wants it, else (status, code, message) as S3 would say it."""
    values = {name.lower(): value for name, value in headers}
    if "authorization" not in values:
        return 403, "AccessDenied", "no Authorization header"
    found = NAMED.match(values["authorization"])
    if not found:
        return 400, "AuthorizationHeaderMalformed", "not AWS4-HMAC-SHA256 Credential, SignedHeaders, Signature"
    credential, names, given = found.group(1), found.group(2).split(";"), found.group(3)
    named, _, scope = credential.partition("/")
    date = values.get("x-amz-date", "")
    try:
        then = datetime.datetime.strptime(date + "+0000", "%Y%m%dT%H%M%SZ%z")
    except ValueError:
        return 403, "AccessDenied", "x-amz-date is missing or no date"
    if abs(datetime.datetime.now(datetime.timezone.utc) - then) > SKEW:
        return 403, "RequestTimeTooSkewed", "x-amz-date is too far from this server's time"
    if named != key_id:
        return 403, "InvalidAccessKeyId", "this access key is not known"
    parts = scope.split("/")
    if len(parts) != 4 or parts[0] != date[:8] or parts[2:] != ["s3", "aws4_request"]:
        return 400, "AuthorizationHeaderMalformed", f"scope {scope}"
    if region and parts[1] != region:
        return 400, "AuthorizationHeaderMalformed", f"the region '{parts[1]}' is wrong; expecting '{region}'"
    if "x-amz-content-sha256" not in values:
        return 400, "InvalidRequest", "no x-amz-content-sha256 header"
    unsigned = [name for name in values if (name == "host" or name.startswith("x-amz-")) and name not in names]
    if unsigned or names != sorted(names):
        return 403, "AccessDenied", "headers not signed or not in order: " + " ".join(unsigned or names)
    if not hmac.compare_digest(given, signature(method, target, headers, names, scope, secret)):
        return 403, "SignatureDoesNotMatch", "the signature is not that of this request"
    return None
