import pytest

from heartguard_common.core.settings import SettingsError
from heartguard_media.settings import Settings

SECRET = "kq8Zt1vXw4Rm7Bc0Ny5Hd2Lf9Gs3Pj6Ua"
ENVIRON = {
    "DATABASE_URL": "postgresql://u:p@h/d",
    "REDIS_URL": "redis://h",
    "SERVICE_SECRET": SECRET,
    "SERVICE_CREDENTIALS": "auth:" + "0" * 64,
    "SIGNED_URL_SECRET": SECRET,
}


def test_without_credentials_files_lie_in_a_directory():
    settings = Settings.from_env(ENVIRON)
    assert (settings.google_credentials, settings.storage_emulator) == (None, None)
    assert (settings.gcs_bucket, settings.signed_url_seconds) == ("heartguard-system", 900)


@pytest.mark.parametrize("empty", ["", "/dev/null", "{directory}", "{directory}/empty"])
def test_credentials_without_content_count_as_none(tmp_path, empty):
    (tmp_path / "empty").touch()
    environ = {**ENVIRON, "GOOGLE_APPLICATION_CREDENTIALS": empty.format(directory=tmp_path)}
    assert Settings.from_env(environ).google_credentials is None


def test_a_key_file_is_taken(tmp_path):
    file = tmp_path / "account.json"
    file.write_text("{}")
    assert Settings.from_env({**ENVIRON, "GOOGLE_APPLICATION_CREDENTIALS": str(file)}).google_credentials == file


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere/account.json", "names no file"),
        ("SIGNED_URL_TTL", "8d", "must be 7d at most"),
        ("SIGNED_URL_TTL", "10081", "must be 7d at most"),
        ("STORAGE_EMULATOR_HOST", "localhost:4443", "must be an http:// or https:// URL"),
    ],
)
def test_problems_are_named(name, text, said):
    with pytest.raises(SettingsError, match=f"{name} {said}"):
        Settings.from_env({**ENVIRON, name: text})
