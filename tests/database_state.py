"""What a database holds beside its rows, and how it becomes what it was when only rows have changed."""

from typing import Any

SCHEMA = "heartguard_core"
MOST_BYTES = 4 * 2**20
"""What the tables may have grown to; larger ones would slow the tests that get the database next."""

# A statement that changes the schema leaves newer rows, or fewer, in one of the catalogues.
_CATALOGUES = ("attrdef", "attribute", "class", "constraint", "index", "namespace", "policy", "proc", "trigger", "type")
_SETTINGS = (
    "(SELECT count(*) FROM pg_db_role_setting AS its JOIN pg_database AS one ON one.oid = its.setdatabase"
    " WHERE one.datname = current_database())"
)
_SHAPE = ", ".join(
    [*(f"(SELECT (count(*), max(xmin::text::bigint))::text FROM pg_{name})" for name in _CATALOGUES), _SETTINGS]
)
# A table that never held a row has no block.
_USED = (
    "SELECT relname, pg_total_relation_size(oid) FROM pg_class"
    " WHERE relnamespace = %s::regnamespace AND relkind = 'r' AND pg_relation_size(oid) > 0"
)
_END_OTHERS = (
    "SELECT pg_terminate_backend(pid, 20000) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)
_RESTART = (
    "SELECT setval(format('%%I.%%I', schemaname, sequencename), start_value, false) FROM pg_sequences"
    " WHERE schemaname = %s AND last_value IS NOT NULL"
)

# Their triggers refuse a removal in any session.
_PROTECTED = "SELECT DISTINCT tgrelid::regclass::text FROM pg_trigger WHERE tgenabled = 'A'"

State = tuple[Any, ...]


def read(connection: Any) -> State:
    """The schema, the settings, the rows of the tables that a migration has filled, and who lets no row go."""
    with connection.cursor() as cursor:
        cursor.execute(_PROTECTED)
        protected = {name.removeprefix(f"{SCHEMA}.") for (name,) in cursor.fetchall()}
        return (_shape(cursor), {name: _digest(cursor, name) for name in _used(cursor)}, protected)


def restore(connection: Any, state: State) -> bool:
    """Remove what was stored since and begin sequences anew; False, with the rows left, where that is not enough.

    Other connections to the database are ended.
    """
    shape, filled, protected = state
    with connection.cursor() as cursor:
        cursor.execute(_END_OTHERS)
        used = _used(cursor)
        if _shape(cursor) != shape or sum(used.values()) > MOST_BYTES or protected & used.keys():
            return False
        if any(_digest(cursor, name) != digest for name, digest in filled.items()):
            return False
        # No trigger refuses, and no foreign key is looked at.
        removals = [f"DELETE FROM {SCHEMA}.{name}" for name in used.keys() - filled.keys()]
        cursor.execute("; ".join(["SET session_replication_role = replica", *removals]))
        cursor.execute(_RESTART, (SCHEMA,))
    return True


def _shape(cursor: Any) -> State:
    cursor.execute(f"SELECT {_SHAPE}")
    return tuple(cursor.fetchone())


def _used(cursor: Any) -> dict[str, int]:
    """The tables that have or had rows, with their bytes."""
    cursor.execute(_USED, (SCHEMA,))
    return dict(cursor.fetchall())


def _digest(cursor: Any, table: str) -> State:
    cursor.execute(f"SELECT count(*), sum(hashtextextended(it::text, 0)) FROM {SCHEMA}.{table} AS it")
    return tuple(cursor.fetchone())
