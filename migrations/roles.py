"""The database roles: one login for each service with a database; grants name columns where two services share."""

SERVICES = ("auth", "organization", "user", "media", "influx", "audit")
# Under the 30 s in which a crashed server is restarted, so that no orphaned backend outlives that.
STATEMENT_TIMEOUT = "25s"


def create_roles() -> str:
    """SQL that makes the roles where they are missing; passwords and LOGIN come from whoever starts the system."""
    return "\n".join(
        f"""
        DO $$ BEGIN
            IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'heartguard_{name}') THEN
                CREATE ROLE heartguard_{name} NOLOGIN;
            END IF;
        END $$;
        ALTER ROLE heartguard_{name} SET statement_timeout = '{STATEMENT_TIMEOUT}';
        ALTER ROLE heartguard_{name} SET timezone = 'UTC';
        GRANT USAGE ON SCHEMA heartguard_core TO heartguard_{name};
        """
        for name in SERVICES
    )
