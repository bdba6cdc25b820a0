"""What system tests share."""

from collections.abc import Iterator

import pytest

from tests.clone import Clone


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clone]:
    """A copy of the tree that nobody has started yet."""
    copy = Clone.make(tmp_path_factory.mktemp("clone"))
    yield copy
    copy.stop()
