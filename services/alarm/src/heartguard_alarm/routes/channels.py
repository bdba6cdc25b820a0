"""The endpoints of channels."""

from collections.abc import Mapping
from uuid import UUID

from heartguard_alarm.domain.channels import Channel
from heartguard_alarm.errors import IN_USE, NO_CHANNEL, NOT_SENT, UNSOUND, UNVERIFIED, WRONG_CODE
from heartguard_alarm.usecases import UseCases
from heartguard_common import messages
from heartguard_common.core.clock import rfc3339
from heartguard_common.core.errors import LIMIT_FOR_NOW, LIMIT_REACHED
from heartguard_common.http import etag, paging
from heartguard_common.http.routing import Answer, Call, EmptyCall, NoQuery, Route
from heartguard_common.messages import (
    AlarmChannelCode,
    AlarmChannelList,
    AlarmChannelListQuery,
    AlarmChannelRequest,
    AlarmChannelUpdate,
)

NO_STORE = {"Cache-Control": "no-store"}


def create_alarm_channel(usecases: UseCases, call: Call[AlarmChannelRequest, NoQuery]) -> Answer[messages.AlarmChannel]:
    """Make a channel for messages about alarms.

    To an address a code is sent; nothing else goes there before its owner has given the code to an admin. A URL of
    Apprise must be of a service with a host of its own, or name a host that the operator lists.
    """
    channel = usecases.channels.create(call.person, call.document)
    return Answer(_document(channel), headers={"Location": f"/alarms/channels/{channel.id}", **NO_STORE})


def list_alarm_channels(usecases: UseCases, call: Call[None, AlarmChannelListQuery]) -> Answer[AlarmChannelList]:
    """List the channels of the organization, oldest first."""
    limit = call.query.get("limit", paging.DEFAULT_LIMIT)
    after = paging.decode_cursor(call.query.get("cursor"), UUID)
    found = usecases.channels.list(call.person, str(after[0]) if after else None, limit + 1)
    page = paging.page(found, limit, _document, lambda channel: [channel.id])
    return Answer({"items": page.items, "next_cursor": page.next_cursor}, headers=NO_STORE)


def read_alarm_channel(usecases: UseCases, call: EmptyCall) -> Answer[messages.AlarmChannel]:
    """Read a channel.

    Where it leads to is shown without what could be used to send something there.
    """
    document = _document(usecases.channels.read(call.person, _id(call.params)))
    return Answer(document, headers={"ETag": etag.entity_tag(document), **NO_STORE})


def update_alarm_channel(usecases: UseCases, call: Call[AlarmChannelUpdate, NoQuery]) -> Answer[messages.AlarmChannel]:
    """Change the name or the language of a channel.

    With `If-Match` only if nobody else has changed it since it was read.
    """

    def check(current: Channel) -> None:
        etag.require_match(call.headers, _document(current))

    document = _document(usecases.channels.update(call.person, _id(call.params), call.document, check))
    return Answer(document, headers={"ETag": etag.entity_tag(document), **NO_STORE})


def delete_alarm_channel(usecases: UseCases, call: EmptyCall) -> Answer[None]:
    """Delete a channel that no notification policy has."""
    usecases.channels.delete(call.person, _id(call.params))
    return Answer(None)


def verify_alarm_channel(usecases: UseCases, call: Call[AlarmChannelCode, NoQuery]) -> Answer[messages.AlarmChannel]:
    """Verify the address of a channel with the code that was sent to it."""
    channel = usecases.channels.verify(call.person, _id(call.params), call.document["code"])
    return Answer(_document(channel), headers=NO_STORE)


def send_alarm_channel_code(usecases: UseCases, call: EmptyCall) -> Answer[messages.AlarmChannel]:
    """Send a new code to the address of a channel.

    The code before is not accepted any more. A channel that needs no code stays as it is.
    """
    return Answer(_document(usecases.channels.send_code(call.person, _id(call.params))), headers=NO_STORE)


def send_alarm_channel_test(usecases: UseCases, call: EmptyCall) -> Answer[messages.AlarmChannelTest]:
    """Send a message that tries a channel.

    `waiting`: the mail server has not taken the e-mail yet.
    """
    return Answer(usecases.channels.test(call.person, _id(call.params)), headers=NO_STORE)


def _id(params: Mapping[str, str]) -> str:
    return params["channel_id"].lower()


def _document(channel: Channel) -> messages.AlarmChannel:
    document: messages.AlarmChannel = {
        "id": channel.id,
        "name": channel.name,
        "kind": channel.kind,
        "service": channel.service,
        "shown": channel.shown,
        "language": channel.language,
        "verified": channel.verified_ns is not None,
        "created_at": rfc3339(channel.created_ns),
        "created_by": channel.created_by,
    }
    if channel.user_id is not None:
        document["user_id"] = channel.user_id
    return document


_PATH = "/alarms/channels/{channel_id}"
ROUTES = (
    Route(
        "POST",
        "/alarms/channels",
        create_alarm_channel,
        status=201,
        idempotent=True,
        raises=(UNSOUND, NOT_SENT, LIMIT_REACHED),
        headers=("Location",),
    ),
    Route("GET", "/alarms/channels", list_alarm_channels),
    Route("GET", _PATH, read_alarm_channel, raises=(NO_CHANNEL,), headers=("ETag",)),
    Route("PATCH", _PATH, update_alarm_channel, raises=(NO_CHANNEL,), headers=("ETag",)),
    Route("DELETE", _PATH, delete_alarm_channel, status=204, raises=(NO_CHANNEL, IN_USE)),
    Route("POST", f"{_PATH}/verify", verify_alarm_channel, raises=(NO_CHANNEL, WRONG_CODE)),
    Route(
        "POST",
        f"{_PATH}/code",
        send_alarm_channel_code,
        expensive=True,
        raises=(NO_CHANNEL, NOT_SENT, LIMIT_FOR_NOW),
    ),
    Route(
        "POST",
        f"{_PATH}/test",
        send_alarm_channel_test,
        expensive=True,
        raises=(NO_CHANNEL, UNVERIFIED, LIMIT_FOR_NOW),
    ),
)
