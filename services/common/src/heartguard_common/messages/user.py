"""People and their preferences.

Made by schemas/build.py from schemas/user.schema.json: change that, not this file.
"""

from typing import NotRequired, TypeAlias, TypedDict

from heartguard_common.messages.common import Role

Preferences: TypeAlias = dict[str, str | float | bool]
"""Settings of a person; in XML each is a child element named as the key."""


class User(TypedDict):
    """A member of an organization."""

    id: int
    email: NotRequired[str]
    full_name: NotRequired[str | None]
    role: NotRequired[Role]
    org_id: NotRequired[int]
    active: NotRequired[bool]
    preferences: NotRequired[Preferences]
    created_at: NotRequired[str]


class UserUpdate(TypedDict):
    """What is to change; a missing member stays, preferences are replaced as a whole."""

    full_name: NotRequired[str | None]
    preferences: NotRequired[Preferences]


class UserAdminUpdate(TypedDict):
    """What an admin changes of a member; a missing member stays."""

    role: NotRequired[Role]
    active: NotRequired[bool]


class UserListQuery(TypedDict):
    """Filters and page of the list of members."""

    role: NotRequired[Role]
    active: NotRequired[bool]
    q: NotRequired[str]
    limit: NotRequired[int]
    cursor: NotRequired[str]


class UserList(TypedDict):
    """A page of members."""

    items: list[User]
    next_cursor: NotRequired[str | None]
