"""GET /.well-known/jwks.json."""

from heartguard_auth.signing_keys.ports import Signer
from heartguard_common.http.routing import Answer, EmptyCall, Route
from heartguard_common.messages import JwkSet


def key_set(signer: Signer, _: EmptyCall) -> Answer[JwkSet]:
    """The public keys that verify tokens (RFC 7517), JSON only."""
    return Answer({"keys": signer.public_keys()}, headers={"Cache-Control": "public, max-age=10"})


ROUTES = (Route("GET", "/.well-known/jwks.json", key_set, offers=("application/json",)),)
