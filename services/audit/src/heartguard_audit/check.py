"""Whether a consumer runs, for the health check of its container: `python -m heartguard_audit.check`."""

import os
import sys
from collections.abc import Mapping

from heartguard_audit.store.stream import require_consumer
from heartguard_common.stores.redis_client import REDIS_ERRORS, make_redis


def main(environ: Mapping[str, str] = os.environ) -> int:
    """0 where one does, else 1 with a sentence on standard error."""
    client = make_redis(environ["REDIS_URL"], timeout_seconds=3)
    try:
        require_consumer(client)
    except (LookupError, *REDIS_ERRORS) as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        client.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
