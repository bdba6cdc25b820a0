"""What the Flask application of a service needs from its wiring."""

import logging
from dataclasses import dataclass, field
from threading import BoundedSemaphore

from heartguard_common.contract.contracts import Contracts
from heartguard_common.core.lifecycle import Lifecycle
from heartguard_common.core.metrics import Metrics
from heartguard_common.http.idempotency import IdempotencyKeys
from heartguard_common.http.lanes import Lanes
from heartguard_common.http.revocation_recheck import TRUSTED_SECONDS
from heartguard_common.identity.api_key_cache import KeyedRevocations
from heartguard_common.identity.api_key_uses import ApiKeyUseLog
from heartguard_common.identity.authentication import Authenticator
from heartguard_common.identity.authority import Authority
from heartguard_common.identity.policy import Policy
from heartguard_common.identity.revocation import Revocations
from heartguard_common.jobs.background_work import BackgroundWork
from heartguard_common.jobs.dead_letters import DeadLetters
from heartguard_common.jobs.operated_jobs import OperatedJobs


@dataclass(frozen=True)
class ApiKeyAccess:
    """What a service needs to accept API keys: the check of a caller's key, and the record of its use."""

    revocations: KeyedRevocations
    uses: ApiKeyUseLog


@dataclass(frozen=True)
class WebDependencies:
    """What the application of a service needs from its wiring.

    `prefix` is the path below which health, ready and metrics are. `gateway_key` verifies the client address
    that the gateway forwards; without it no forwarded address is accepted. `check_answers` holds every answer
    against its contract, for tests and development. `decoding` lets one large body at a time become a document.
    `trusted_seconds` is how long it is trusted that a token is not revoked, while the body of its request arrives.
    `api_keys` is what checks again whether an API key is active, and records its use.
    """

    service: str
    prefix: str
    contracts: Contracts
    policy: Policy
    authenticator: Authenticator
    revocations: Revocations
    lifecycle: Lifecycle
    metrics: Metrics
    lanes: Lanes
    gateway_key: str = ""
    keys: IdempotencyKeys | None = None
    background: BackgroundWork | None = None
    dead_letters: DeadLetters | None = None
    jobs: OperatedJobs | None = None
    authority: Authority | None = None
    check_answers: bool = False
    trusted_seconds: float = TRUSTED_SECONDS
    api_keys: ApiKeyAccess | None = None
    log: logging.Logger = field(default_factory=lambda: logging.getLogger("heartguard"))
    decoding: BoundedSemaphore = field(default_factory=BoundedSemaphore)
