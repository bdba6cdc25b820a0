"""Paths of the repository's data files; the Docker images keep the same relative layout."""

from pathlib import Path

REPO_ROOT = Path(__file__).resolve().parents[5]
SCHEMAS_DIR = REPO_ROOT / "schemas"
POLICY_FILE = REPO_ROOT / "services" / "gateway" / "policy.toml"
SERVICES_FILE = REPO_ROOT / "services" / "services.toml"
