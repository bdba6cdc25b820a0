"""Opens the client of Google Cloud Storage."""

from pathlib import Path
from typing import Any

from heartguard_common.core.settings import SettingsError

_SCOPES = ("https://www.googleapis.com/auth/devstorage.read_write",)
MISSING = "Google Cloud Storage needs packages that are not installed: pip install -r requirements-gcs.txt"
ENDPOINT = "https://storage.googleapis.com"


def open_client(credentials: Path | None, emulator: str | None) -> tuple[Any, Any]:
    """The client, not connected yet, and the key file's credentials, which can sign; None without a key file.

    Raises ValueError when the file holds no key of a service account, `SettingsError` without the packages.
    """
    # Imported only where a bucket is configured, because the library costs memory and start time.
    try:
        from google.auth.credentials import AnonymousCredentials  # noqa: PLC0415
        from google.cloud.storage import Client  # noqa: PLC0415
        from google.oauth2.service_account import Credentials  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise SettingsError(MISSING) from error

    signer: Any = None
    if credentials is not None:
        signer = Credentials.from_service_account_file(str(credentials), scopes=_SCOPES)  # type: ignore[no-untyped-call]
    client = Client(
        project=signer.project_id if signer else "heartguard",
        # An emulator needs no credentials and must not get real ones.
        credentials=AnonymousCredentials() if emulator else signer,  # type: ignore[no-untyped-call]
        client_options={"api_endpoint": emulator or ENDPOINT},
    )
    return client, signer
