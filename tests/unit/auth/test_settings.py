"""Settings that are refused with a sentence."""

import pytest

from heartguard_auth.settings import smtp_server


@pytest.mark.parametrize("sender", ["@", "a@", "a@[", "a b@example.org", "", "nobody"])
def test_a_sender_that_is_no_address_is_reported(sender):
    with pytest.raises(ValueError, match="from="):
        smtp_server(f"smtp://mail.example:587?from={sender}")
