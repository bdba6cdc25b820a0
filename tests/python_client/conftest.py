"""A person of a new organization in the running system, and clients for them."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from heartguard_client import Client, Password
from tests.running import RunningSystem

PASSWORD = "a long password 1"
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Person:
    """An admin, their organization's first bucket, and where the system listens."""

    url: str
    email: str
    id: int
    bucket: str

    def client(self, url: str | None = None) -> Client:
        """A client that logs in with their password."""
        return Client(url or self.url, Password(self.email, PASSWORD))


@pytest.fixture
def person(running_system: RunningSystem) -> Person:
    email = f"client{next(_numbers)}@client.example"
    with Client(running_system.gateway_url) as client:
        made = client.register(email, PASSWORD, organization_name=f"Organization of {email}")
    return Person(running_system.gateway_url, email, made["user_id"], f"org_{made['org_id']}")


@pytest.fixture
def client(person: Person) -> Iterator[Client]:
    with person.client() as client:
        yield client
