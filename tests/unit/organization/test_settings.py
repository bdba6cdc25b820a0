"""The configuration of the organization service."""

import pytest

from heartguard_common.settings import SettingsError
from heartguard_organization.settings import Settings


@pytest.mark.parametrize("name", ["USER_URL", "MEDIA_URL", "INFLUX_SERVICE_URL"])
def test_an_address_of_a_sister_that_is_none_is_named_at_the_start(name):
    with pytest.raises(SettingsError, match=rf"{name}\b.*http"):
        Settings.from_env({name: "localhost"})
