"""GET /.well-known/jwks.json."""

from heartguard_auth.signing_keys.ports import Signer
from heartguard_common.http.routing import Answer, EmptyCall, Route
from heartguard_common.messages import JwkSet


def list_signing_keys(signer: Signer, _: EmptyCall) -> Answer[JwkSet]:
    """List the public keys that verify access tokens.

    A JSON Web Key Set (RFC 7517), in JSON only.
    """
    return Answer({"keys": signer.public_keys()}, headers={"Cache-Control": "public, max-age=10"})


ROUTES = (Route("GET", "/.well-known/jwks.json", list_signing_keys, offers=("application/json",)),)
