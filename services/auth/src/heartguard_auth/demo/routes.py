"""POST /auth/demo."""

from heartguard_auth.demo.usecases import DemoUseCases
from heartguard_auth.errors import NO_DEMO
from heartguard_auth.shared.routes import NO_STORE
from heartguard_common.core.errors import LIMIT_FOR_NOW
from heartguard_common.http.routing import Answer, EmptyCall, Route
from heartguard_common.messages import DemoToken


def issue_demo_token(demo: DemoUseCases, call: EmptyCall) -> Answer[DemoToken]:
    """Get a token for the demo.

    With it everything in an organization with recordings can be read for 15 minutes, and nothing changed. There is no
    demo unless the operator has turned it on.
    """
    token, seconds = demo.visit(call.address)
    return Answer({"access_token": token, "expires_in": seconds, "token_type": "Bearer"}, headers=NO_STORE)


ROUTES = (Route("POST", "/auth/demo", issue_demo_token, raises=(NO_DEMO, LIMIT_FOR_NOW)),)
