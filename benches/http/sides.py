"""The sides of the benches: the vault, the programs it is compared with, and the load sent to them."""

import json
import os
import re
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

LOAD = Path("target/release/examples/load")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def clean_env(**more):
    """The environment without settings of ours, and without a CA bundle that loopback has no use for."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("CALLVAULT_") and k != "AWS_CA_BUNDLE"}
    return kept | more


def check(*command, env=None):
    done = subprocess.run([str(c) for c in command], env=env or clean_env(), capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, command))}: exit code {done.returncode}\n{done.stderr[-2000:]}")
    return done.stdout


def timed(*command, env=None):
    begun = time.monotonic()
    check(*command, env=env)
    return time.monotonic() - begun


class Process:
    """A server in the background, on a port of its own."""

    def __init__(self, command, port, log, env=None):
        self.port, self.log = port, log
        with open(log, "ab") as out:
            self.popen = subprocess.Popen(
                [str(c) for c in command],
                env=env or clean_env(),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
            )

    def wait_ready(self, path="/"):
        for _ in range(600):
            if self.popen.poll() is not None:
                break
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=2).close()
                return self
            except urllib.error.HTTPError as error:
                # Alive: whoever asks for "/" wants no more, and not ready yet is 503.
                if error.code != 503:
                    return self
            except OSError:
                pass
            time.sleep(0.1)
        self.stop()
        raise SystemExit(f"{self.popen.args[0]} does not start; see {self.log}")

    def peak_mib(self):
        status = Path(f"/proc/{self.popen.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+)", status).group(1)) / 1024

    def stop(self):
        if self.popen.poll() is None:
            self.popen.send_signal(signal.SIGTERM)
            try:
                self.popen.wait(20)
            except subprocess.TimeoutExpired:
                self.popen.kill()
                self.popen.wait()


class Vault:
    """callvault with everything in one folder, on SQLite and the store it is given."""

    def __init__(self, binary, folder, store=None):
        self.binary, self.folder = binary, folder
        folder.mkdir(parents=True)
        self.port = free_port()
        self.env = clean_env(
            CALLVAULT_DATA_DIR=str(folder),
            CALLVAULT_HTTP__LISTEN=f"127.0.0.1:{self.port}",
            # Counted as ever, and never reached by the one token of the load client.
            CALLVAULT_HTTP__REQUESTS_PER_SECOND="100000000",
            CALLVAULT_TRAINING__DAILY_CAP="0",
            CALLVAULT_PROVIDER__NAME="Bench",
            CALLVAULT_PROVIDER__PRIVACY_CONTACT="privacy@example.nl",
            CALLVAULT_PROVIDER__STATEMENT_VERSION="bench",
            **(store.vault_settings() if store else {}),
        )
        self.run("keyring", "init")
        self.run("migrate")

    def run(self, *arguments):
        return check(self.binary, *arguments, env=self.env)

    def time(self, *arguments):
        return timed(self.binary, *arguments, env=self.env)

    def bearer(self, role):
        bound = ["--class", "support"] if role == "ingest" else []
        token = self.run("token", "create", "--role", role, *bound, "--name", f"bench-{role}").strip()
        return f"Authorization: Bearer {token}"

    def serve(self):
        command = [self.binary, "serve", "--no-eraser"]
        server = Process(command, self.port, self.folder / "serve.log", self.env)
        return server.wait_ready("/readyz")

    def upload(self, files, ended_at, connections=8):
        """Uploads the files as support calls and tells where each went, and how long it took."""
        header, work = self.bearer("ingest"), self.folder / "upload"
        fields = {"class": "support", "direction": "inbound", "caller": "+31612345678", "callee": "+31201234567"}
        fields |= {"started_at": rfc3339(ended_at - 60), "ended_at": rfc3339(ended_at)}
        rows = []
        for file in files:
            query = urlencode(fields | {"call_id": file.name})
            rows.append((f"/v1/recordings/{file.name}?{query}", file))
        found = work.with_suffix(".locations")
        report = load(self.port, "put", rows, work, connections, header, locations=found)
        places = dict(line.split("\t") for line in found.read_text().splitlines())
        return {file.name: places[path] for path, file in rows}, report


def rfc3339(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def load(port, mode, rows, work, connections, header=None, locations=None, seconds=4.0, seed=1):
    """Runs the load client over (URL path, file) rows; any error of it fails the bench."""
    listed = work.with_suffix(".list")
    listed.write_text("".join(f"{path}\t{f.size}\t{f.sha256}\t{f.path}\n" for path, f in rows))
    command = [LOAD, "--server", f"127.0.0.1:{port}", "--list", listed, "--mode", mode]
    command += ["--connections", connections, "--seconds", seconds, "--seed", seed]
    if header:
        command += ["--header", header]
    if locations:
        command += ["--locations", locations]
    report = json.loads(check(*command))
    if report["errors"] or not report["requests"]:
        raise SystemExit(f"{mode} on port {port}: {report}")
    return report


@dataclass(frozen=True)
class Bucket:
    """The bucket of the test Garage; `prefix` parts keep the sides of a bench apart."""

    endpoint: str
    name: str
    access_key_id: str
    secret_access_key: str
    prefix: str

    @classmethod
    def from_environment(cls, prefix):
        keys = ("ENDPOINT", "BUCKET", "ACCESS_KEY_ID", "SECRET_ACCESS_KEY")
        return cls(*(os.environ[f"TEST_S3_{key}"] for key in keys), prefix)

    def vault_settings(self):
        return {
            "CALLVAULT_STORE__URL": f"s3://{self.name}/{self.prefix}/vault",
            "CALLVAULT_STORE__ENDPOINT": self.endpoint,
            "CALLVAULT_STORE__REGION": "garage",
            "CALLVAULT_STORE__ACCESS_KEY_ID": self.access_key_id,
            "CALLVAULT_STORE__SECRET_ACCESS_KEY": self.secret_access_key,
            "CALLVAULT_STORE__ALLOW_HTTP": "true",
        }


class Rclone:
    """rclone with a crypt remote `crypt:` over a folder or a bucket, and `plain:` beside it."""

    def __init__(self, folder, bucket=None):
        folder.mkdir(parents=True)
        config = folder / "rclone.conf"
        self.env = clean_env(RCLONE_CONFIG=str(config))
        base = f"base:{bucket.name}/{bucket.prefix}" if bucket else f"base:{folder.resolve()}"
        kind = "type = local\n"
        if bucket:
            kind = "type = s3\nprovider = Other\nregion = garage\nforce_path_style = true\n"
            kind += f"endpoint = {bucket.endpoint}\n"
            kind += f"access_key_id = {bucket.access_key_id}\nsecret_access_key = {bucket.secret_access_key}\n"
        secret = check("rclone", "obscure", "bench").strip()
        config.write_text(
            f"[base]\n{kind}[plain]\ntype = alias\nremote = {base}/plain\n"
            f"[crypt]\ntype = crypt\nremote = {base}/crypt\npassword = {secret}\npassword2 = {secret}\n"
        )
        config.chmod(0o600)

    def run(self, *arguments):
        return check("rclone", *arguments, env=self.env)

    def time(self, *arguments):
        return timed("rclone", *arguments, env=self.env)

    def count(self, remote, *options):
        return json.loads(self.run("size", "--json", remote, *options))["count"]

    def serve(self, log):
        port = free_port()
        command = ["rclone", "serve", "http", "crypt:", "--addr", f"127.0.0.1:{port}", "--read-only"]
        return Process(command, port, log, self.env).wait_ready()


def nginx(folder, root):
    """nginx serving the files of `root` in clear."""
    folder.mkdir(parents=True)
    port, folder = free_port(), folder.resolve()
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = "".join(f"{kind}_temp_path {folder}/{kind};\n" for kind in kinds)
    (folder / "nginx.conf").write_text(
        f"user root; worker_processes 2; daemon off; pid {folder}/pid; events {{ worker_connections 1024; }}\n"
        # Not tcp_nopush: on loopback it holds the end of a range back for 40 ms.
        f"http {{ access_log off; sendfile on; keepalive_requests 100000000;\n{temporary}"
        f"server {{ listen 127.0.0.1:{port}; root {root.resolve()}; }} }}\n"
    )
    command = ["nginx", "-c", folder / "nginx.conf", "-e", folder / "error.log"]
    env = clean_env(PATH=os.environ["PATH"] + ":/usr/sbin")
    return Process(command, port, folder / "log", env).wait_ready()
