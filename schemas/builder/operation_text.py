"""The id, tag, summary and description of an operation: from its rule, and from its handler's name and docstring."""

import inspect

from heartguard_common.http.routing import AnyRoute
from heartguard_common.identity.policy import RouteRule

_LIBRARY = "heartguard_common."


PARAMETERS = {
    "user_id": "Number of the person.",
    "org_id": "Number of the organization.",
    "item_id": "Id of the file or upload.",
    "event_id": "Id of the event.",
    "job_id": "Id of the job, from the answer that began it.",
    "import_id": "Id of the import.",
    "invitation_id": "Id of the invitation.",
    "session_id": "Id of the session.",
    "key_id": "Id of the API key.",
    "rule_id": "Id of the rule.",
    "alarm_id": "Id of the alarm.",
    "channel_id": "Id of the channel.",
    "policy_id": "Id of the notification policy.",
    "silence_id": "Id of the silence.",
    "letter_id": "Id of the failed item.",
    "bucket": "Name of the bucket.",
    "file": "Name of the file.",
    "asset": "The name of a script, style or picture of the pages",
    "folder": "The folder of the file: `core`, `screens`, `styles`, `texts` or `vendor`",
    "version": "The version that the page of the portal names",
}
"""What each parameter of a path is."""


def tag(rule: RouteRule) -> str:
    """The subject of an operation, with which the id of its rule begins: `user` for `user.read_self`."""
    return rule.id.partition(".")[0]


def operation_id(rule: RouteRule, route: AnyRoute) -> str:
    """The name of the handler, such as `log_in`: generated clients have a method of this name.

    A handler of the library is that of every service. In its id the tag comes after the verb: `check_auth_health`.
    """
    name = route.handler.__name__
    if not route.handler.__module__.startswith(_LIBRARY):
        return name
    verb, _, rest = name.partition("_")
    return f"{verb}_{tag(rule)}_{rest}"


def summary(route: AnyRoute) -> str:
    """What a route does: the first line of its handler's docstring, without the full stop.

    Raises TypeError for a handler whose docstring does not begin with one line that ends with a full stop.
    """
    first = _paragraphs(route)[0]
    if "\n" in first or not first.endswith("."):
        raise TypeError(f"{route.handler.__qualname__} of {route.method} {route.path} does not say what it is for")
    return first.removesuffix(".")


def details(route: AnyRoute) -> str:
    """What the docstring says after the first line, as Markdown; empty where it says no more."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in _paragraphs(route)[1:])


def _paragraphs(route: AnyRoute) -> list[str]:
    return inspect.cleandoc(route.handler.__doc__ or "").split("\n\n")
