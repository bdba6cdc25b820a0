"""The Flask side of every service: routes, bodies, answers, errors, idempotency, paging."""
