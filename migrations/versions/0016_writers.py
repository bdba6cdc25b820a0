"""Authorization in the transaction that stores something, and deletions that wait for such transactions."""

from alembic import op

revision = "0016_writers"
down_revision = "0015_field_types"

# The deletion mark of a person is users.deleted_at. After either mark no data of theirs is stored.
MARK = """
ALTER TABLE heartguard_core.organizations ADD COLUMN closed_at timestamptz;
UPDATE heartguard_core.organizations SET closed_at = deleted_at WHERE deleted_at IS NOT NULL;
UPDATE heartguard_core.organizations SET closed_at = now() WHERE closed_at IS NULL AND id IN (
    SELECT org_id FROM heartguard_core.jobs WHERE kind = 'organization.delete' AND status IN ('queued', 'running'));
"""

# Functions that run with the owner's rights: services call them without a grant on the columns that they read.
# The first number of an advisory lock is the kind of the second one: 1 an organization, 2 a person, 3 an organization
# with data of more people in one batch than are locked one by one (the server's lock table is not for thousands).
# Each statement in them sees what was committed before it began, including a mark committed while it waited for a lock.
FUNCTIONS = """
CREATE FUNCTION heartguard_core.enter_writer(
    org integer, persons integer[], actor integer, actor_role text, jti text, sid text, kid text, hold integer[],
    OUT is_open boolean, OUT acts boolean, OUT erased integer[]
) LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = heartguard_core, pg_temp AS $$
DECLARE
    person integer;
BEGIN
    PERFORM pg_advisory_xact_lock_shared(1, org);
    IF cardinality(persons) > 64 THEN
        PERFORM pg_advisory_xact_lock_shared(3, org);
    ELSE
        FOREACH person IN ARRAY persons LOOP
            PERFORM pg_advisory_xact_lock_shared(2, person);
        END LOOP;
    END IF;
    IF cardinality(hold) > 0 THEN
        PERFORM FROM users u WHERE u.id = ANY (hold) ORDER BY u.id FOR SHARE;
    END IF;
    SELECT
        EXISTS (SELECT FROM organizations o WHERE o.id = org AND o.closed_at IS NULL AND o.deleted_at IS NULL),
        actor IS NULL OR (
            EXISTS (
                SELECT FROM users u
                WHERE u.id = actor AND u.org_id = org AND u.role = actor_role AND u.active AND u.deleted_at IS NULL)
            AND NOT EXISTS (
                SELECT FROM revoked_tokens r
                WHERE (r.kind, r.value) IN (('jti', jti), ('sid', sid), ('kid', kid)))),
        ARRAY (
            SELECT u.id FROM users u WHERE u.id = ANY (persons) AND u.org_id = org AND u.deleted_at IS NOT NULL)
    INTO is_open, acts, erased;
END $$;

CREATE FUNCTION heartguard_core.await_writers(org integer, person integer) RETURNS double precision
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = heartguard_core, pg_temp AS $$
BEGIN
    IF person IS NULL THEN
        PERFORM pg_advisory_xact_lock(1, org);
        RETURN (SELECT extract(epoch FROM clock_timestamp() - closed_at) FROM organizations WHERE id = org);
    END IF;
    -- The crowd's lock first: a transaction of a writer may ask for many people, and then for its caller alone.
    PERFORM pg_advisory_xact_lock(3, org);
    PERFORM pg_advisory_xact_lock(2, person);
    RETURN (SELECT extract(epoch FROM clock_timestamp() - deleted_at) FROM users WHERE id = person AND org_id = org);
END $$;

REVOKE EXECUTE ON FUNCTION heartguard_core.enter_writer, heartguard_core.await_writers FROM PUBLIC;
"""

GRANTS = """
GRANT EXECUTE ON FUNCTION heartguard_core.enter_writer, heartguard_core.await_writers
    TO heartguard_auth, heartguard_organization, heartguard_user, heartguard_media, heartguard_influx;
GRANT UPDATE (closed_at) ON heartguard_core.organizations TO heartguard_organization;
GRANT SELECT (closed_at) ON heartguard_core.organizations TO heartguard_auth, heartguard_influx;
"""


def upgrade() -> None:
    """Add the mark, the functions and the grants."""
    for statements in (MARK, FUNCTIONS, GRANTS):
        op.execute(statements)
