"""The configuration of the organization service."""

import pytest

from heartguard_common.core.settings import SettingsError
from heartguard_organization.settings import Settings


@pytest.mark.parametrize("name", ["USER_URL", "MEDIA_URL", "INFLUX_SERVICE_URL"])
def test_an_invalid_address_of_a_service_is_named_at_the_start(name):
    with pytest.raises(SettingsError, match=rf"{name}\b.*http"):
        Settings.from_env({name: "localhost"})
