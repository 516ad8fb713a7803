"""Bulk deletes through S3's own call, signed by hand: what a store does when nothing else is asked of it."""

import base64
import hashlib
import hmac
import http.client
import time
from urllib.parse import urlsplit
from xml.sax.saxutils import escape


def delete_all(bucket, keys):
    """Deletes the keys, a thousand a request, on one connection."""
    host = urlsplit(bucket.endpoint).netloc
    connection = http.client.HTTPConnection(host)
    for first in range(0, len(keys), 1000):
        objects = "".join(f"<Object><Key>{escape(key)}</Key></Object>" for key in keys[first : first + 1000])
        body = f"<Delete><Quiet>true</Quiet>{objects}</Delete>".encode()
        connection.request("POST", f"/{bucket.name}?delete=", body, signed(bucket, host, body))
        answer = connection.getresponse()
        text = answer.read()
        if answer.status != 200 or b"<Error>" in text:
            raise SystemExit(f"bulk delete: {answer.status} {text[:200]}")


def signed(bucket, host, body):
    """The headers of AWS Signature Version 4 for a bulk delete."""
    now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    digest = hashlib.sha256(body).hexdigest()
    headers = {
        "content-md5": base64.b64encode(hashlib.md5(body).digest()).decode(),
        "host": host,
        "x-amz-content-sha256": digest,
        "x-amz-date": now,
    }
    names = ";".join(headers)
    lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
    request = f"POST\n/{bucket.name}\ndelete=\n{lines}\n{names}\n{digest}"
    scope = f"{now[:8]}/garage/s3/aws4_request"
    to_sign = f"AWS4-HMAC-SHA256\n{now}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    key = b"AWS4" + bucket.secret_access_key.encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, to_sign.encode(), "sha256").hex()
    credential = f"Credential={bucket.access_key_id}/{scope}"
    headers["authorization"] = f"AWS4-HMAC-SHA256 {credential}, SignedHeaders={names}, Signature={signature}"
    return headers
