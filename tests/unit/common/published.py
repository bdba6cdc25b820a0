"""Keys in the form in which auth publishes them."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from heartguard_common.core.errors import ServiceError


def public_jwk(key: ec.EllipticCurvePrivateKey, kid: str) -> dict[str, Any]:
    """The entry of a key set (RFC 7517)."""
    return {**json.loads(ECAlgorithm.to_jwk(key.public_key())), "kid": kid, "use": "sig"}


def refused(call: Callable[[], object]) -> str:
    """The error code that a call raises."""
    with pytest.raises(ServiceError) as caught:
        call()
    return caught.value.error_code.code
