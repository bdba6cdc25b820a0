"""API keys and scopes."""

from collections.abc import Mapping
from uuid import UUID

from heartguard_auth.api_keys.domain import OVERLAP_SECONDS, StoredKey, key_uses
from heartguard_auth.api_keys.usecases.keys import ApiKeyUseCases
from heartguard_auth.errors import NOT_ADOPTABLE, NOT_FOR_DEVICES, ROLE_WITHOUT_KEYS
from heartguard_auth.shared.routes import NO_STORE
from heartguard_common.core.clock import rfc3339
from heartguard_common.core.errors import LIMIT_REACHED
from heartguard_common.http import paging
from heartguard_common.http.routing import Answer, Call, EmptyCall, NoQuery, Route
from heartguard_common.messages import (
    ApiKey,
    ApiKeyList,
    ApiKeyListQuery,
    ApiKeyRequest,
    ApiKeyRotation,
    ApiKeyUpdate,
    ApiKeyUses,
    ApiKeyUsesResult,
    ScopeList,
)


def create_api_key(keys: ApiKeyUseCases, call: Call[ApiKeyRequest, NoQuery]) -> Answer[ApiKey]:
    """Make an API key.

    The key itself, `key`, is only in this answer. A `device` key is the caller's: it writes their points and reads the
    catalogue of measurements. An admin or manager can make `integration` keys, which act for the organization within
    their scopes; such a key never has more rights than the person has who is responsible for it.
    """
    made, secret = keys.create(call.person, call.document)
    return Answer(_document(made, secret), headers=NO_STORE)


def list_api_keys(keys: ApiKeyUseCases, call: Call[None, ApiKeyListQuery]) -> Answer[ApiKeyList]:
    """List the caller's API keys.

    An admin gets all keys of the organization.
    """
    limit = call.query.get("limit", paging.DEFAULT_LIMIT)
    after = paging.decode_cursor(call.query.get("cursor"), UUID)
    found = keys.page(call.person, after[0] if after else None, limit + 1)
    shown = paging.page(found, limit, _document, lambda item: [item.id])
    return Answer({"items": shown.items, "next_cursor": shown.next_cursor}, headers=NO_STORE)


def read_api_key(keys: ApiKeyUseCases, call: EmptyCall) -> Answer[ApiKey]:
    """Read an API key, with its last use."""
    return Answer(_document(keys.read(call.person, _id(call.params))), headers=NO_STORE)


def update_api_key(keys: ApiKeyUseCases, call: Call[ApiKeyUpdate, NoQuery]) -> Answer[ApiKey]:
    """Change an API key, or adopt it.

    With `adopt` an admin becomes responsible for an integration key: when the person who made it has left, it ends
    after seven days otherwise.
    """
    return Answer(_document(keys.update(call.person, _id(call.params), call.document)), headers=NO_STORE)


def delete_api_key(keys: ApiKeyUseCases, call: EmptyCall) -> Answer[None]:
    """End an API key."""
    keys.delete(call.person, _id(call.params))
    return Answer(None)


def rotate_api_key(keys: ApiKeyUseCases, call: Call[ApiKeyRotation, NoQuery]) -> Answer[ApiKey]:
    """Replace the secret of an API key.

    The new key is only in this answer. The former one stays valid for `overlap_seconds`, so that it can be replaced
    without a failed request; the one before that ends at once.
    """
    overlap = call.document.get("overlap_seconds", OVERLAP_SECONDS)
    changed, secret = keys.rotate(call.person, _id(call.params), overlap)
    return Answer(_document(changed, secret), headers=NO_STORE)


def list_scopes(keys: ApiKeyUseCases, _: EmptyCall) -> Answer[ScopeList]:
    """List the scopes of API keys."""
    reachable = keys.reachable
    items = sorted(reachable.scopes.items(), key=lambda item: ("." in item[0], item[0]))
    return Answer(
        {
            "items": [{"name": name, "permissions": list(permissions)} for name, permissions in items],
            "device": list(reachable.device),
        }
    )


def record_key_uses(keys: ApiKeyUseCases, call: Call[ApiKeyUses, NoQuery]) -> Answer[ApiKeyUsesResult]:
    """Store when and from where API keys were used."""
    return Answer({"stored": keys.record_uses(key_uses(call.document["uses"]))})


def _id(params: Mapping[str, str]) -> str:
    return params["key_id"].lower()


def _document(key: StoredKey, secret: str | None = None) -> ApiKey:
    document: ApiKey = {
        "id": key.id,
        "kind": key.kind,
        "name": key.name,
        "hint": key.hint,
        "created_by": key.created_by,
        "scopes": list(key.scopes),
        "buckets": list(key.buckets),
        "networks": list(key.networks),
        "created_at": rfc3339(key.created_at),
        "expires_at": rfc3339(key.expires_at),
    }
    if secret is not None:
        document["key"] = secret
    if key.former_until is not None:
        document["former_valid_until"] = rfc3339(key.former_until)
    if key.last_used_at is not None:
        document["last_used_at"] = rfc3339(key.last_used_at)
    if key.last_used_address is not None:
        document["last_used_address"] = key.last_used_address
    if key.adopt_before is not None:
        document["adopt_before"] = rfc3339(key.adopt_before)
    return document


ROUTES = (
    Route(
        "POST",
        "/auth/api-keys",
        create_api_key,
        status=201,
        raises=(ROLE_WITHOUT_KEYS, NOT_FOR_DEVICES, LIMIT_REACHED),
    ),
    Route("GET", "/auth/api-keys", list_api_keys),
    Route("GET", "/auth/api-keys/{key_id}", read_api_key),
    Route("PATCH", "/auth/api-keys/{key_id}", update_api_key, raises=(NOT_FOR_DEVICES, NOT_ADOPTABLE)),
    Route("DELETE", "/auth/api-keys/{key_id}", delete_api_key, status=204),
    Route("POST", "/auth/api-keys/{key_id}/rotate", rotate_api_key),
    Route("GET", "/auth/scopes", list_scopes),
    Route("POST", "/auth/api-keys/uses", record_key_uses),
)
