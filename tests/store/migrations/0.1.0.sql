--
-- PostgreSQL database dump
--

\restrict heartguard

-- Dumped from database version 18.6
-- Dumped by pg_dump version 18.6

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET transaction_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

--
-- Name: heartguard_core; Type: SCHEMA; Schema: -; Owner: heartguard_owner
--

CREATE SCHEMA heartguard_core;


ALTER SCHEMA heartguard_core OWNER TO heartguard_owner;

--
-- Name: await_writers(integer, integer); Type: FUNCTION; Schema: heartguard_core; Owner: heartguard_owner
--

CREATE FUNCTION heartguard_core.await_writers(org integer, person integer) RETURNS double precision
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'heartguard_core', 'pg_temp'
    AS $$
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


ALTER FUNCTION heartguard_core.await_writers(org integer, person integer) OWNER TO heartguard_owner;

--
-- Name: count_media(); Type: FUNCTION; Schema: heartguard_core; Owner: heartguard_owner
--

CREATE FUNCTION heartguard_core.count_media() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO heartguard_core.media_usage (org_id) VALUES (NEW.org_id) ON CONFLICT DO NOTHING;
    END IF;
    UPDATE heartguard_core.media_usage SET
        items = items + (CASE WHEN TG_OP <> 'DELETE' AND NEW.status = 'ready' THEN 1 ELSE 0 END)
                      - (CASE WHEN TG_OP <> 'INSERT' AND OLD.status = 'ready' THEN 1 ELSE 0 END),
        bytes = bytes + (CASE WHEN TG_OP <> 'DELETE' THEN NEW.size ELSE 0 END)
                      - (CASE WHEN TG_OP <> 'INSERT' THEN OLD.size ELSE 0 END)
    WHERE org_id = coalesce(NEW.org_id, OLD.org_id);
    RETURN NULL;
END $$;


ALTER FUNCTION heartguard_core.count_media() OWNER TO heartguard_owner;

--
-- Name: email_key(text); Type: FUNCTION; Schema: heartguard_core; Owner: heartguard_owner
--

CREATE FUNCTION heartguard_core.email_key(address text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN NORMALIZE(casefold((NORMALIZE(address, NFKC) COLLATE pg_unicode_fast)), NFKC);


ALTER FUNCTION heartguard_core.email_key(address text) OWNER TO heartguard_owner;

--
-- Name: enter_writer(integer, integer[], integer, text, text, text, text, integer[]); Type: FUNCTION; Schema: heartguard_core; Owner: heartguard_owner
--

CREATE FUNCTION heartguard_core.enter_writer(org integer, persons integer[], actor integer, actor_role text, jti text, sid text, kid text, hold integer[], OUT is_open boolean, OUT acts boolean, OUT erased integer[]) RETURNS record
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'heartguard_core', 'pg_temp'
    AS $$
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


ALTER FUNCTION heartguard_core.enter_writer(org integer, persons integer[], actor integer, actor_role text, jti text, sid text, kid text, hold integer[], OUT is_open boolean, OUT acts boolean, OUT erased integer[]) OWNER TO heartguard_owner;

--
-- Name: guard_audit_removal(); Type: FUNCTION; Schema: heartguard_core; Owner: heartguard_owner
--

CREATE FUNCTION heartguard_core.guard_audit_removal() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
DECLARE
    removable bigint;
    newest bigint;
BEGIN
    IF OLD.org_id IS NULL THEN
        SELECT max(sequence) INTO removable FROM heartguard_core.audit_checkpoints
        WHERE org_id IS NULL AND kind = 'removal';
        SELECT max(sequence) INTO newest FROM heartguard_core.audit_events WHERE org_id IS NULL;
    ELSE
        SELECT max(sequence) INTO removable FROM heartguard_core.audit_checkpoints
        WHERE org_id = OLD.org_id AND kind = 'removal';
        SELECT max(sequence) INTO newest FROM heartguard_core.audit_events WHERE org_id = OLD.org_id;
    END IF;
    IF current_user <> 'heartguard_retention' OR OLD.sequence > coalesce(removable, 0) OR OLD.sequence >= newest THEN
        RAISE EXCEPTION 'audit_events is append-only' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN OLD;
END $$;


ALTER FUNCTION heartguard_core.guard_audit_removal() OWNER TO heartguard_owner;

--
-- Name: limits_used(integer, date); Type: FUNCTION; Schema: heartguard_core; Owner: heartguard_owner
--

CREATE FUNCTION heartguard_core.limits_used(organization integer, today date) RETURNS TABLE(name text, used bigint)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'heartguard_core', 'pg_temp'
    AS $$
    SELECT 'points_per_day', coalesce(sum(written), 0)::bigint FROM point_counts
        WHERE org_id = organization AND day = today
    UNION ALL SELECT 'stored_points', coalesce(sum(stored), 0)::bigint FROM point_counts WHERE org_id = organization
    UNION ALL SELECT 'series', count(*) FROM series AS s JOIN buckets AS b ON b.id = s.bucket_id
        WHERE b.org_id = organization
    UNION ALL SELECT 'series_per_member', coalesce(max(n), 0) FROM (
        SELECT count(*) AS n FROM series AS s JOIN buckets AS b ON b.id = s.bucket_id
        WHERE b.org_id = organization AND s.user_id IS NOT NULL GROUP BY s.user_id) AS of_person
    UNION ALL SELECT 'fields', count(*) FROM field_types AS f JOIN buckets AS b ON b.id = f.bucket_id
        WHERE b.org_id = organization
    UNION ALL SELECT 'buckets', count(*) FROM buckets WHERE org_id = organization
    UNION ALL SELECT 'media_bytes', coalesce(sum(bytes), 0)::bigint FROM media_usage WHERE org_id = organization
    UNION ALL SELECT 'media_items', coalesce(sum(items), 0)::bigint FROM media_usage WHERE org_id = organization
    UNION ALL SELECT 'open_uploads', coalesce(sum(n), 0)::bigint FROM (
        SELECT count(*) AS n FROM media_items
        WHERE org_id = organization AND status = 'pending' AND bytes_until IS NOT NULL) AS announced
    UNION ALL SELECT 'open_uploads_per_member', coalesce(max(n), 0) FROM (
        SELECT count(*) AS n FROM media_items
        WHERE org_id = organization AND status = 'pending' AND bytes_until IS NOT NULL GROUP BY owner_id) AS announced
    UNION ALL SELECT 'open_upload_bytes_per_member', coalesce(max(n), 0)::bigint FROM (
        SELECT sum(size) AS n FROM media_items
        WHERE org_id = organization AND status = 'pending' AND bytes_until IS NOT NULL GROUP BY owner_id) AS announced
    UNION ALL SELECT 'members', count(*) FROM users WHERE org_id = organization AND deleted_at IS NULL
    UNION ALL SELECT 'sessions_per_member', coalesce(max(n), 0) FROM (
        SELECT count(*) AS n FROM sessions AS s JOIN users AS u ON u.id = s.user_id
        WHERE u.org_id = organization AND s.ended_at IS NULL AND s.expires_at > now() GROUP BY s.user_id) AS of_person
    UNION ALL SELECT 'invitations', count(*) FROM invitations WHERE org_id = organization AND expires_at > now()
    UNION ALL SELECT 'open_exports', count(*) FROM jobs
        WHERE org_id = organization AND kind = 'user.export' AND status IN ('queued', 'running')
    UNION ALL SELECT c.name, max(c.used) FROM daily_counts AS c WHERE c.org_id = organization AND c.day = today
        GROUP BY c.name
$$;


ALTER FUNCTION heartguard_core.limits_used(organization integer, today date) OWNER TO heartguard_owner;

--
-- Name: link_audit_event(); Type: FUNCTION; Schema: heartguard_core; Owner: heartguard_owner
--

CREATE FUNCTION heartguard_core.link_audit_event() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
DECLARE
    last record;
BEGIN
    PERFORM pg_advisory_xact_lock(5006);
    IF NEW.org_id IS NULL THEN
        SELECT sequence, hash INTO last FROM heartguard_core.audit_events
        WHERE org_id IS NULL ORDER BY sequence DESC LIMIT 1;
    ELSE
        SELECT sequence, hash INTO last FROM heartguard_core.audit_events
        WHERE org_id = NEW.org_id ORDER BY sequence DESC LIMIT 1;
    END IF;
    IF NEW.sequence IS DISTINCT FROM coalesce(last.sequence, 0) + 1
        OR NEW.previous_hash IS DISTINCT FROM coalesce(last.hash, decode(repeat('00', 32), 'hex'))
        OR NEW.recorded_at IS DISTINCT FROM now() OR NEW.seal IS NULL
    THEN
        RAISE EXCEPTION 'the event does not continue its chain' USING ERRCODE = 'serialization_failure';
    END IF;
    RETURN NEW;
END $$;


ALTER FUNCTION heartguard_core.link_audit_event() OWNER TO heartguard_owner;

--
-- Name: refuse_audit_change(); Type: FUNCTION; Schema: heartguard_core; Owner: heartguard_owner
--

CREATE FUNCTION heartguard_core.refuse_audit_change() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;


ALTER FUNCTION heartguard_core.refuse_audit_change() OWNER TO heartguard_owner;

--
-- Name: touch(); Type: FUNCTION; Schema: heartguard_core; Owner: heartguard_owner
--

CREATE FUNCTION heartguard_core.touch() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    NEW.updated_at := now();
    RETURN NEW;
END $$;


ALTER FUNCTION heartguard_core.touch() OWNER TO heartguard_owner;

SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: audit_checkpoints; Type: TABLE; Schema: heartguard_core; Owner: heartguard_owner
--

CREATE TABLE heartguard_core.audit_checkpoints (
    org_id integer,
    kind text NOT NULL,
    sequence bigint NOT NULL,
    hash bytea NOT NULL,
    time_ns bigint NOT NULL,
    public_key bytea NOT NULL,
    signature bytea NOT NULL,
    CONSTRAINT audit_checkpoints_kind_check CHECK ((kind = ANY (ARRAY['checkpoint'::text, 'removal'::text]))),
    CONSTRAINT audit_checkpoints_sequence_check CHECK ((sequence > 0))
);


ALTER TABLE heartguard_core.audit_checkpoints OWNER TO heartguard_owner;

--
-- Name: audit_events; Type: TABLE; Schema: heartguard_core; Owner: heartguard_owner
--

CREATE TABLE heartguard_core.audit_events (
    event_id uuid NOT NULL,
    org_id integer,
    sequence bigint NOT NULL,
    time_ns bigint NOT NULL,
    recorded_at timestamp with time zone DEFAULT now() NOT NULL,
    kind text NOT NULL,
    request_id text NOT NULL,
    gateway_request_id text,
    actor text NOT NULL,
    actor_hash text,
    action text NOT NULL,
    service text NOT NULL,
    resource text,
    outcome text NOT NULL,
    reason text,
    payload jsonb NOT NULL,
    previous_hash bytea NOT NULL,
    hash bytea NOT NULL,
    seal bytea,
    CONSTRAINT audit_events_check CHECK (((octet_length(previous_hash) = 32) AND (octet_length(hash) = 32) AND (octet_length(seal) = 32))),
    CONSTRAINT audit_events_kind_check CHECK ((kind = ANY (ARRAY['access'::text, 'change'::text, 'reported'::text]))),
    CONSTRAINT audit_events_outcome_check CHECK ((outcome = ANY (ARRAY['success'::text, 'denied'::text, 'failure'::text]))),
    CONSTRAINT audit_events_sequence_check CHECK ((sequence > 0))
);


ALTER TABLE heartguard_core.audit_events OWNER TO heartguard_owner;

--
-- Name: audit_outbox; Type: TABLE; Schema: heartguard_core; Owner: heartguard_owner
--

CREATE TABLE heartguard_core.audit_outbox (
    id bigint NOT NULL,
    event text NOT NULL,
    put_at timestamp with time zone DEFAULT now() NOT NULL
)
WITH (autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_threshold='2000', autovacuum_vacuum_insert_threshold='-1');


ALTER TABLE heartguard_core.audit_outbox OWNER TO heartguard_owner;

--
-- Name: audit_outbox_id_seq; Type: SEQUENCE; Schema: heartguard_core; Owner: heartguard_owner
--

ALTER TABLE heartguard_core.audit_outbox ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME heartguard_core.audit_outbox_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: buckets; Type: TABLE; Schema: heartguard_core; Owner: heartguard_owner
--

CREATE TABLE heartguard_core.buckets (
    id integer NOT NULL,
    org_id integer NOT NULL,
    name text NOT NULL COLLATE pg_catalog."C",
    retention_days integer,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT buckets_retention_days_check CHECK (((retention_days >= 1) AND (retention_days <= 36500)))
);


ALTER TABLE heartguard_core.buckets OWNER TO heartguard_owner;

--
-- Name: buckets_id_seq; Type: SEQUENCE; Schema: heartguard_core; Owner: heartguard_owner
--

ALTER TABLE heartguard_core.buckets ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME heartguard_core.buckets_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: daily_counts; Type: TABLE; Schema: heartguard_core; Owner: heartguard_owner
--

CREATE TABLE heartguard_core.daily_counts (
    org_id integer NOT NULL,
    day date NOT NULL,
    name text NOT NULL,
    subject text NOT NULL,
    used bigint NOT NULL
)
WITH (fillfactor='50');


ALTER TABLE heartguard_core.daily_counts OWNER TO heartguard_owner;

--
-- Name: dead_letters; Type: TABLE; Schema: heartguard_core; Owner: heartguard_owner
--

CREATE TABLE heartguard_core.dead_letters (
    id uuid NOT NULL,
    service text NOT NULL,
    queue text NOT NULL,
    item text NOT NULL,
    org_id integer,
    attempts integer NOT NULL,
    reason text NOT NULL,
    content text,
    failed_at timestamp with time zone NOT NULL,
    last_failed_at timestamp with time zone NOT NULL,
    due_at timestamp with time zone
);


ALTER TABLE heartguard_core.dead_letters OWNER TO heartguard_owner;

--
-- Name: export_archives; Type: TABLE; Schema: heartguard_core; Owner: heartguard_owner
--

CREATE TABLE heartguard_core.export_archives (
    id uuid NOT NULL,
    org_id integer NOT NULL,
    owner_id integer NOT NULL,
    size bigint,
    sha256 text,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL
);


ALTER TABLE heartguard_core.export_archives OWNER TO heartguard_owner;

--
-- Name: field_types; Type: TABLE; Schema: heartguard_core; Owner: heartguard_owner
--

CREATE TABLE heartguard_core.field_types (
    id integer NOT NULL,
    bucket_id integer NOT NULL,
    measurement text NOT NULL COLLATE pg_catalog."C",
    field text NOT NULL COLLATE pg_catalog."C",
    type text NOT NULL,
    CONSTRAINT field_types_type_check CHECK ((type = ANY (ARRAY['float'::text, 'boolean'::text, 'string'::text])))
);


ALTER TABLE heartguard_core.field_types OWNER TO heartguard_owner;

--
-- Name: field_types_id_seq; Type: SEQUENCE; Schema: heartguard_core; Owner: heartguard_owner
--

ALTER TABLE heartguard_core.field_types ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME heartguard_core.field_types_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: idempotency_keys; Type: TABLE; Schema: heartguard_core; Owner: heartguard_owner
--

CREATE TABLE heartguard_core.idempotency_keys (
    service text NOT NULL,
    caller text NOT NULL,
    route text NOT NULL,
    key text NOT NULL,
    request_hash text NOT NULL,
    status integer,
    headers jsonb,
    body bytea,
    created_ns bigint NOT NULL
);


ALTER TABLE heartguard_core.idempotency_keys OWNER TO heartguard_owner;

--
-- Name: invitations; Type: TABLE; Schema: heartguard_core; Owner: heartguard_owner
--

CREATE TABLE heartguard_core.invitations (
    id uuid NOT NULL,
    org_id integer NOT NULL,
    email text NOT NULL,
    email_key text GENERATED ALWAYS AS (heartguard_core.email_key(email)) STORED NOT NULL,
    role text NOT NULL,
    code_hash bytea NOT NULL,
    created_by integer NOT NULL,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    CONSTRAINT invitations_role_check CHECK ((role = ANY (ARRAY['admin'::text, 'manager'::text, 'user'::text])))
);


ALTER TABLE heartguard_core.invitations OWNER TO heartguard_owner;

--
-- Name: jobs; Type: TABLE; Schema: heartguard_core; Owner: heartguard_owner
--

CREATE TABLE heartguard_core.jobs (
    id uuid NOT NULL,
    org_id integer NOT NULL,
    kind text NOT NULL,
    status text NOT NULL,
    progress integer DEFAULT 0 NOT NULL,
    error text,
    created_by text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    user_id integer,
    attempts integer DEFAULT 0 NOT NULL,
    due_at timestamp with time zone DEFAULT now() NOT NULL,
    result text,
    CONSTRAINT jobs_progress_check CHECK (((progress >= 0) AND (progress <= 100))),
    CONSTRAINT jobs_status_check CHECK ((status = ANY (ARRAY['queued'::text, 'running'::text, 'done'::text, 'failed'::text])))
);


ALTER TABLE heartguard_core.jobs OWNER TO heartguard_owner;

--
-- Name: login_locks; Type: TABLE; Schema: heartguard_core; Owner: heartguard_owner
--

CREATE TABLE heartguard_core.login_locks (
    account text NOT NULL,
    address text NOT NULL,
    until timestamp with time zone NOT NULL
);


ALTER TABLE heartguard_core.login_locks OWNER TO heartguard_owner;

--
-- Name: mail_outbox; Type: TABLE; Schema: heartguard_core; Owner: heartguard_owner
--

CREATE TABLE heartguard_core.mail_outbox (
    id uuid NOT NULL,
    kind text NOT NULL,
    once text,
    sealed text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    due_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    recipient text,
    done boolean DEFAULT false NOT NULL,
    CONSTRAINT mail_outbox_kind_check CHECK ((kind = ANY (ARRAY['letter'::text, 'forgotten'::text])))
);


ALTER TABLE heartguard_core.mail_outbox OWNER TO heartguard_owner;

--
-- Name: media_items; Type: TABLE; Schema: heartguard_core; Owner: heartguard_owner
--

CREATE TABLE heartguard_core.media_items (
    id uuid NOT NULL,
    org_id integer NOT NULL,
    owner_id integer NOT NULL,
    file_name text NOT NULL,
    content_type text NOT NULL,
    size bigint DEFAULT 0 NOT NULL,
    sha256 text DEFAULT ''::text NOT NULL,
    status text DEFAULT 'pending'::text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    bytes_until timestamp with time zone,
    CONSTRAINT media_items_status_check CHECK ((status = ANY (ARRAY['pending'::text, 'ready'::text, 'retired'::text])))
);


ALTER TABLE heartguard_core.media_items OWNER TO heartguard_owner;

--
-- Name: media_usage; Type: TABLE; Schema: heartguard_core; Owner: heartguard_owner
--

CREATE TABLE heartguard_core.media_usage (
    org_id integer NOT NULL,
    items bigint DEFAULT 0 NOT NULL,
    bytes bigint DEFAULT 0 NOT NULL,
    CONSTRAINT media_usage_bytes_check CHECK ((bytes >= 0)),
    CONSTRAINT media_usage_items_check CHECK ((items >= 0))
);


ALTER TABLE heartguard_core.media_usage OWNER TO heartguard_owner;

--
-- Name: organization_limits; Type: TABLE; Schema: heartguard_core; Owner: heartguard_owner
--

CREATE TABLE heartguard_core.organization_limits (
    org_id integer NOT NULL,
    name text NOT NULL,
    value bigint NOT NULL,
    CONSTRAINT organization_limits_value_check CHECK ((value >= 0))
);


ALTER TABLE heartguard_core.organization_limits OWNER TO heartguard_owner;

--
-- Name: organizations; Type: TABLE; Schema: heartguard_core; Owner: heartguard_owner
--

CREATE TABLE heartguard_core.organizations (
    id integer NOT NULL,
    name text NOT NULL,
    policies text DEFAULT ''::text NOT NULL,
    retention_days integer,
    time_zone text DEFAULT 'UTC'::text NOT NULL,
    unknown_measurements text DEFAULT 'accept'::text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    deleted_at timestamp with time zone,
    closed_at timestamp with time zone,
    CONSTRAINT organizations_retention_days_check CHECK (((retention_days >= 1) AND (retention_days <= 36500))),
    CONSTRAINT organizations_unknown_measurements_check CHECK ((unknown_measurements = ANY (ARRAY['accept'::text, 'reject'::text])))
);


ALTER TABLE heartguard_core.organizations OWNER TO heartguard_owner;

--
-- Name: organizations_id_seq; Type: SEQUENCE; Schema: heartguard_core; Owner: heartguard_owner
--

ALTER TABLE heartguard_core.organizations ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME heartguard_core.organizations_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: password_resets; Type: TABLE; Schema: heartguard_core; Owner: heartguard_owner
--

CREATE TABLE heartguard_core.password_resets (
    code_hash bytea NOT NULL,
    user_id integer NOT NULL,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    used_at timestamp with time zone
);


ALTER TABLE heartguard_core.password_resets OWNER TO heartguard_owner;

--
-- Name: point_counts; Type: TABLE; Schema: heartguard_core; Owner: heartguard_owner
--

CREATE TABLE heartguard_core.point_counts (
    org_id integer NOT NULL,
    day date NOT NULL,
    shard smallint NOT NULL,
    written bigint NOT NULL,
    stored bigint NOT NULL
)
WITH (fillfactor='50');


ALTER TABLE heartguard_core.point_counts OWNER TO heartguard_owner;

--
-- Name: points; Type: TABLE; Schema: heartguard_core; Owner: heartguard_owner
--

CREATE TABLE heartguard_core.points (
    series_id bigint NOT NULL,
    time_ns bigint NOT NULL,
    field_id integer NOT NULL,
    number double precision,
    string text
);


ALTER TABLE heartguard_core.points OWNER TO heartguard_owner;

--
-- Name: refresh_tokens; Type: TABLE; Schema: heartguard_core; Owner: heartguard_owner
--

CREATE TABLE heartguard_core.refresh_tokens (
    token_hash bytea NOT NULL,
    session_id uuid NOT NULL,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    used_at timestamp with time zone,
    replaced_by bytea,
    access_token_id text NOT NULL,
    access_expires_at timestamp with time zone NOT NULL,
    access_key_id text,
    signed boolean DEFAULT false NOT NULL
);


ALTER TABLE heartguard_core.refresh_tokens OWNER TO heartguard_owner;

--
-- Name: restores; Type: TABLE; Schema: heartguard_core; Owner: heartguard_owner
--

CREATE TABLE heartguard_core.restores (
    id integer NOT NULL,
    restored_at timestamp with time zone DEFAULT now() NOT NULL,
    backup_created_at timestamp with time zone NOT NULL
);


ALTER TABLE heartguard_core.restores OWNER TO heartguard_owner;

--
-- Name: restores_id_seq; Type: SEQUENCE; Schema: heartguard_core; Owner: heartguard_owner
--

ALTER TABLE heartguard_core.restores ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME heartguard_core.restores_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: revoked_tokens; Type: TABLE; Schema: heartguard_core; Owner: heartguard_owner
--

CREATE TABLE heartguard_core.revoked_tokens (
    kind text NOT NULL,
    value text NOT NULL,
    reason text NOT NULL,
    revoked_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    CONSTRAINT revoked_tokens_kind_check CHECK ((kind = ANY (ARRAY['jti'::text, 'sid'::text, 'kid'::text])))
);


ALTER TABLE heartguard_core.revoked_tokens OWNER TO heartguard_owner;

--
-- Name: schema_version; Type: TABLE; Schema: heartguard_core; Owner: heartguard_owner
--

CREATE TABLE heartguard_core.schema_version (
    version_num character varying(32) NOT NULL
);


ALTER TABLE heartguard_core.schema_version OWNER TO heartguard_owner;

--
-- Name: series; Type: TABLE; Schema: heartguard_core; Owner: heartguard_owner
--

CREATE TABLE heartguard_core.series (
    id bigint NOT NULL,
    bucket_id integer NOT NULL,
    measurement text NOT NULL COLLATE pg_catalog."C",
    tags jsonb NOT NULL,
    digest bytea NOT NULL,
    user_id bigint
);


ALTER TABLE heartguard_core.series OWNER TO heartguard_owner;

--
-- Name: series_id_seq; Type: SEQUENCE; Schema: heartguard_core; Owner: heartguard_owner
--

ALTER TABLE heartguard_core.series ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME heartguard_core.series_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: sessions; Type: TABLE; Schema: heartguard_core; Owner: heartguard_owner
--

CREATE TABLE heartguard_core.sessions (
    id uuid NOT NULL,
    user_id integer NOT NULL,
    created_at timestamp with time zone NOT NULL,
    last_used_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    ended_at timestamp with time zone,
    address text NOT NULL,
    user_agent text NOT NULL
);


ALTER TABLE heartguard_core.sessions OWNER TO heartguard_owner;

--
-- Name: signing_keys; Type: TABLE; Schema: heartguard_core; Owner: heartguard_owner
--

CREATE TABLE heartguard_core.signing_keys (
    kid text NOT NULL,
    private_key text NOT NULL,
    public_jwk jsonb NOT NULL,
    created_at timestamp with time zone NOT NULL,
    retired_at timestamp with time zone,
    signs_since timestamp with time zone,
    expires_at timestamp with time zone
);


ALTER TABLE heartguard_core.signing_keys OWNER TO heartguard_owner;

--
-- Name: user_preferences; Type: TABLE; Schema: heartguard_core; Owner: heartguard_owner
--

CREATE TABLE heartguard_core.user_preferences (
    user_id integer NOT NULL,
    key text NOT NULL,
    value jsonb NOT NULL,
    "position" integer NOT NULL
);


ALTER TABLE heartguard_core.user_preferences OWNER TO heartguard_owner;

--
-- Name: users; Type: TABLE; Schema: heartguard_core; Owner: heartguard_owner
--

CREATE TABLE heartguard_core.users (
    id integer NOT NULL,
    org_id integer NOT NULL,
    email text,
    password_hash text,
    full_name text,
    role text NOT NULL,
    active boolean DEFAULT true NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    deleted_at timestamp with time zone,
    email_key text GENERATED ALWAYS AS (heartguard_core.email_key(email)) STORED,
    CONSTRAINT users_role_check CHECK ((role = ANY (ARRAY['admin'::text, 'manager'::text, 'user'::text])))
);


ALTER TABLE heartguard_core.users OWNER TO heartguard_owner;

--
-- Name: users_id_seq; Type: SEQUENCE; Schema: heartguard_core; Owner: heartguard_owner
--

ALTER TABLE heartguard_core.users ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME heartguard_core.users_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Data for Name: audit_checkpoints; Type: TABLE DATA; Schema: heartguard_core; Owner: heartguard_owner
--

INSERT INTO heartguard_core.audit_checkpoints (org_id, kind, sequence, hash, time_ns, public_key, signature) VALUES
	(1, 'checkpoint', 2, '\xcc61b4f290623913302441b6bfd7ce6a5a0c6faf6173276253759ca0382f1f82', 1795993784308057915, '\xec71f3412f6567cdd4717a4f7dddb32a55076ad60bc2aed967d531e6b4432b9e', '\xae2693d6bcadf422fdd38e87b40ae9024ad9ac4c0ef74fec112801a5856d48b5dc5563234b273d7c9c6bea2f896c56cfa448b174e8a1dc90b0f89b589ba2310d'),
	(NULL, 'checkpoint', 1, '\x76c332c15afb534b0c6bff220ccb737f284353de7a376759b0fe310783099b4d', 1795993784308057915, '\xec71f3412f6567cdd4717a4f7dddb32a55076ad60bc2aed967d531e6b4432b9e', '\x8b3cef603ecf2a88605bf31fa328724fff274d0147398bd153e9519fb66fbcaea63a725c2ab4b4ddbeec78e62db7155fa99d6a79274b58364b34a3d15f46030f');


--
-- Data for Name: audit_events; Type: TABLE DATA; Schema: heartguard_core; Owner: heartguard_owner
--

INSERT INTO heartguard_core.audit_events (event_id, org_id, sequence, time_ns, recorded_at, kind, request_id, gateway_request_id, actor, actor_hash, action, service, resource, outcome, reason, payload, previous_hash, hash, seal) VALUES
	('01999999-0000-7000-8000-000000000003', NULL, 1, 1790841600000000003, '2026-10-01 08:00:02+00', 'access', 'r-3', NULL, 'anonymous', 'c3d4', 'auth.login', 'auth', NULL, 'failure', 'AUTH_001', '{"until": null, "locked": false, "attempts": 3}', '\x0000000000000000000000000000000000000000000000000000000000000000', '\x76c332c15afb534b0c6bff220ccb737f284353de7a376759b0fe310783099b4d', NULL),
	('01999999-0000-7000-8000-000000000001', 1, 1, 1790841600000000001, '2026-10-01 08:00:00.5+00', 'change', 'r-1', 'g-1', 'user:1', 'a1b2', 'organization.created', 'auth', 'organization:1', 'success', NULL, '{"b": 1152921504606846976, "é": 1.0, "ﬁ": 0.0000001, "😀": 10000000000000000000000}', '\x0000000000000000000000000000000000000000000000000000000000000000', '\xd1595eaec8144d9c26caa0cb8635c436d5658da494b33249ad08b861bbaa8678', NULL),
	('01999999-0000-7000-8000-000000000002', 1, 2, 1790841600000000002, '2026-10-01 08:00:01+00', 'access', 'r-2', NULL, 'user:1', NULL, 'user.read', 'user', NULL, 'denied', 'USER_003', '{}', '\xd1595eaec8144d9c26caa0cb8635c436d5658da494b33249ad08b861bbaa8678', '\xcc61b4f290623913302441b6bfd7ce6a5a0c6faf6173276253759ca0382f1f82', NULL),
	('01999999-0000-7000-8000-000000000004', 1, 3, 1795428000123456789, '2026-11-29 23:09:44.388637+00', 'reported', 'request-1', NULL, 'user:12', NULL, 'user.updated', 'user', NULL, 'success', NULL, '{"bpm": 190.5}', '\xcc61b4f290623913302441b6bfd7ce6a5a0c6faf6173276253759ca0382f1f82', '\xf23e509130ffab37ca67f5ca8e6932bc9effb4323283c549c37d5c08f12e2136', '\x0253d4f9d4cafd8512435f58b60dad39ca331dcf5065db6c544c8976867298d5'),
	('01999999-0000-7000-8000-000000000005', NULL, 2, 1795428000123456789, '2026-11-29 23:09:44.388637+00', 'change', 'request-1', NULL, 'user:12', NULL, 'user.updated', 'user', NULL, 'success', NULL, '{}', '\x76c332c15afb534b0c6bff220ccb737f284353de7a376759b0fe310783099b4d', '\xfe9617b81944f7604b1f89f0f994a5db43fb91db749334c5ddf00e4b8949ecfd', '\x04939b0112113397e5c031e30f2efedc3459c1299ab4ba77c24833ef68afc603');


--
-- Data for Name: audit_outbox; Type: TABLE DATA; Schema: heartguard_core; Owner: heartguard_owner
--

INSERT INTO heartguard_core.audit_outbox (id, event, put_at) OVERRIDING SYSTEM VALUE VALUES
	(1, '{"action": "user.updated", "resource": "user:2"}', '2026-11-01 10:00:00.000001+00');


--
-- Data for Name: buckets; Type: TABLE DATA; Schema: heartguard_core; Owner: heartguard_owner
--

INSERT INTO heartguard_core.buckets (id, org_id, name, retention_days, created_at) OVERRIDING SYSTEM VALUE VALUES
	(1, 1, 'org_1', NULL, '2026-10-01 10:00:00+00'),
	(2, 1, 'org_1_gait', 90, '2026-10-01 10:00:00+00'),
	(3, 2, 'org_2', NULL, '2026-10-02 10:00:00+00');


--
-- Data for Name: daily_counts; Type: TABLE DATA; Schema: heartguard_core; Owner: heartguard_owner
--

INSERT INTO heartguard_core.daily_counts (org_id, day, name, subject, used) VALUES
	(0, '2026-11-01', 'mails', '', 7),
	(1, '2026-11-01', 'exports', '2', 1);


--
-- Data for Name: dead_letters; Type: TABLE DATA; Schema: heartguard_core; Owner: heartguard_owner
--

INSERT INTO heartguard_core.dead_letters (id, service, queue, item, org_id, attempts, reason, content, failed_at, last_failed_at, due_at) VALUES
	('01999999-0000-7000-8000-000000000071', 'auth', 'mail', '01999999-0000-7000-8000-000000000052', NULL, 2, 'SMTP 451', NULL, '2026-11-01 10:00:00+00', '2026-11-01 10:05:00+00', '2026-11-01 10:15:00+00'),
	('01999999-0000-7000-8000-000000000072', 'audit', 'stream', '1-0', 1, 9, 'not an event', '{"ñ": ', '2026-11-01 10:00:00+00', '2026-11-01 12:05:00+00', NULL);


--
-- Data for Name: export_archives; Type: TABLE DATA; Schema: heartguard_core; Owner: heartguard_owner
--

INSERT INTO heartguard_core.export_archives (id, org_id, owner_id, size, sha256, created_at, expires_at) VALUES
	('01999999-0000-7000-8000-000000000041', 1, 2, 4321, '0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a', '2026-11-01 00:01:00+00', '2026-11-08 00:01:00+00'),
	('01999999-0000-7000-8000-000000000042', 2, 3, NULL, NULL, '2026-11-01 00:01:00+00', '2026-11-08 00:01:00+00');


--
-- Data for Name: field_types; Type: TABLE DATA; Schema: heartguard_core; Owner: heartguard_owner
--

INSERT INTO heartguard_core.field_types (id, bucket_id, measurement, field, type) OVERRIDING SYSTEM VALUE VALUES
	(1, 1, 'heart_rate', 'bpm', 'float'),
	(2, 1, 'heart_rate', 'valid', 'boolean'),
	(3, 1, 'heart_rate', 'note', 'string'),
	(4, 3, 'steps', 'count', 'float');


--
-- Data for Name: idempotency_keys; Type: TABLE DATA; Schema: heartguard_core; Owner: heartguard_owner
--

INSERT INTO heartguard_core.idempotency_keys (service, caller, route, key, request_hash, status, headers, body, created_ns) VALUES
	('influx', 'user:1', 'POST /timeseries/write', 'key-1', 'hash-1', 201, '{"Content-Type": "application/json"}', '\x7b7d', 1793527200000000000),
	('media', 'user:2', 'POST /media', 'key-2', 'hash-2', NULL, NULL, NULL, 1793527200000000001);


--
-- Data for Name: invitations; Type: TABLE DATA; Schema: heartguard_core; Owner: heartguard_owner
--

INSERT INTO heartguard_core.invitations (id, org_id, email, role, code_hash, created_by, created_at, expires_at) VALUES
	('01999999-0000-7000-8000-000000000061', 1, 'Gäst@Example.com', 'manager', '\x1313131313131313131313131313131313131313131313131313131313131313', 1, '2026-11-01 10:00:00+00', '2026-11-08 10:00:00+00');


--
-- Data for Name: jobs; Type: TABLE DATA; Schema: heartguard_core; Owner: heartguard_owner
--

INSERT INTO heartguard_core.jobs (id, org_id, kind, status, progress, error, created_by, created_at, updated_at, user_id, attempts, due_at, result) VALUES
	('01999999-0000-7000-8000-000000000021', 1, 'user.export', 'done', 100, NULL, 'user:1', '2026-11-01 00:00:00+00', '2026-11-01 00:01:00+00', 2, 1, '2026-11-01 00:00:00+00', '{"archive": "01999999-0000-7000-8000-000000000041"}'),
	('01999999-0000-7000-8000-000000000022', 3, 'organization.delete', 'queued', 40, 'TS_503', 'user:3', '2026-11-03 08:00:00+00', '2026-11-03 08:01:00+00', NULL, 3, '2026-11-03 09:00:00+00', NULL);


--
-- Data for Name: login_locks; Type: TABLE DATA; Schema: heartguard_core; Owner: heartguard_owner
--

INSERT INTO heartguard_core.login_locks (account, address, until) VALUES
	('hash of an e-mail', '', '2026-11-01 10:15:00+00'),
	('', 'hash of an address', '2026-11-01 11:15:00+00');


--
-- Data for Name: mail_outbox; Type: TABLE DATA; Schema: heartguard_core; Owner: heartguard_owner
--

INSERT INTO heartguard_core.mail_outbox (id, kind, once, sealed, created_at, due_at, expires_at, recipient, done) VALUES
	('01999999-0000-7000-8000-000000000051', 'forgotten', 'hash of an address', 'an encrypted request', '2026-11-01 10:00:00+00', '2026-11-01 10:00:00+00', '2026-11-01 11:00:00+00', 'hash of an address', true),
	('01999999-0000-7000-8000-000000000052', 'letter', NULL, 'an encrypted letter', '2026-11-01 10:00:00+00', '2026-11-01 10:05:00+00', '2026-11-02 10:00:00+00', NULL, false);


--
-- Data for Name: media_items; Type: TABLE DATA; Schema: heartguard_core; Owner: heartguard_owner
--

INSERT INTO heartguard_core.media_items (id, org_id, owner_id, file_name, content_type, size, sha256, status, created_at, bytes_until) VALUES
	('01999999-0000-7000-8000-000000000031', 1, 2, 'ECG März.pdf', 'application/pdf', 1234, 'efefefefefefefefefefefefefefefefefefefefefefefefefefefefefefefef', 'ready', '2026-11-01 10:00:00+00', NULL),
	('01999999-0000-7000-8000-000000000032', 1, 2, 'later.mp4', 'video/mp4', 5000000000, '', 'pending', '2026-11-01 10:00:00+00', '2026-11-01 11:00:00+00'),
	('01999999-0000-7000-8000-000000000033', 2, 3, 'gone.png', 'image/png', 10, '0909090909090909090909090909090909090909090909090909090909090909', 'retired', '2026-11-01 10:00:00+00', NULL);


--
-- Data for Name: media_usage; Type: TABLE DATA; Schema: heartguard_core; Owner: heartguard_owner
--

INSERT INTO heartguard_core.media_usage (org_id, items, bytes) VALUES
	(1, 1, 5000001234),
	(2, 0, 10);


--
-- Data for Name: organization_limits; Type: TABLE DATA; Schema: heartguard_core; Owner: heartguard_owner
--

INSERT INTO heartguard_core.organization_limits (org_id, name, value) VALUES
	(1, 'points_per_day', 9000000000),
	(2, 'members', 0);


--
-- Data for Name: organizations; Type: TABLE DATA; Schema: heartguard_core; Owner: heartguard_owner
--

INSERT INTO heartguard_core.organizations (id, name, policies, retention_days, time_zone, unknown_measurements, created_at, updated_at, deleted_at, closed_at) OVERRIDING SYSTEM VALUE VALUES
	(1, 'Cardiology Córdoba', 'No sharing outside the ward', 365, 'America/Argentina/Cordoba', 'reject', '2026-10-01 08:00:00.123456+00', '2026-11-29 23:09:43.796435+00', NULL, NULL),
	(2, '心臓クリニック', '', NULL, 'Asia/Tokyo', 'accept', '2026-10-02 08:00:00+00', '2026-11-29 23:09:43.796435+00', NULL, NULL),
	(3, 'Closed Clinic', '', 30, 'UTC', 'accept', '2026-10-03 08:00:00+00', '2026-11-29 23:09:43.899515+00', '2026-11-03 08:00:00+00', '2026-11-03 08:00:00+00');


--
-- Data for Name: password_resets; Type: TABLE DATA; Schema: heartguard_core; Owner: heartguard_owner
--

INSERT INTO heartguard_core.password_resets (code_hash, user_id, created_at, expires_at, used_at) VALUES
	('\x1111111111111111111111111111111111111111111111111111111111111111', 2, '2026-11-01 10:00:00+00', '2026-11-01 11:00:00+00', '2026-11-01 10:30:00+00'),
	('\x1212121212121212121212121212121212121212121212121212121212121212', 2, '2026-11-01 10:40:00+00', '2026-11-01 11:40:00+00', NULL);


--
-- Data for Name: point_counts; Type: TABLE DATA; Schema: heartguard_core; Owner: heartguard_owner
--

INSERT INTO heartguard_core.point_counts (org_id, day, shard, written, stored) VALUES
	(1, '1970-01-01', 0, 0, 1),
	(1, '2026-11-01', 7, 6, 4),
	(2, '2026-11-01', 15, 1, 1);


--
-- Data for Name: points; Type: TABLE DATA; Schema: heartguard_core; Owner: heartguard_owner
--

INSERT INTO heartguard_core.points (series_id, time_ns, field_id, number, string) VALUES
	(1, 1793527200000000001, 1, 71.30000000000001, NULL),
	(1, 1793527200000000001, 2, 1, NULL),
	(1, 1793527200000000001, 3, NULL, 'a "note"
of two lines \ ñ'),
	(1, -9223372036854775806, 1, 5e-324, NULL),
	(2, 9223372036854775806, 1, 1.7976931348623157e+308, NULL),
	(3, 1793527200000000002, 4, 4200, NULL);


--
-- Data for Name: refresh_tokens; Type: TABLE DATA; Schema: heartguard_core; Owner: heartguard_owner
--

INSERT INTO heartguard_core.refresh_tokens (token_hash, session_id, created_at, expires_at, used_at, replaced_by, access_token_id, access_expires_at, access_key_id, signed) VALUES
	('\xabababababababababababababababababababababababababababababababab', '01999999-0000-7000-8000-000000000011', '2026-11-01 10:00:00+00', '2026-12-01 10:00:00+00', '2026-11-01 10:30:00+00', '\xcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd', 'jti-1', '2026-11-01 10:15:00+00', NULL, false),
	('\xcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd', '01999999-0000-7000-8000-000000000011', '2026-11-01 10:30:00+00', '2026-12-01 10:00:00+00', NULL, NULL, 'jti-2', '2026-11-01 10:45:00+00', 'kid-1', true);


--
-- Data for Name: restores; Type: TABLE DATA; Schema: heartguard_core; Owner: heartguard_owner
--

INSERT INTO heartguard_core.restores (id, restored_at, backup_created_at) OVERRIDING SYSTEM VALUE VALUES
	(1, '2026-10-15 10:00:00+00', '2026-10-14 10:00:00+00');


--
-- Data for Name: revoked_tokens; Type: TABLE DATA; Schema: heartguard_core; Owner: heartguard_owner
--

INSERT INTO heartguard_core.revoked_tokens (kind, value, reason, revoked_at, expires_at) VALUES
	('jti', 'jti-0', 'logout', '2026-11-01 10:00:00+00', '2026-11-01 10:15:00+00'),
	('kid', 'kid-0', 'retired', '2026-11-01 10:00:00+00', '2027-11-01 10:15:00+00');


--
-- Data for Name: schema_version; Type: TABLE DATA; Schema: heartguard_core; Owner: heartguard_owner
--

INSERT INTO heartguard_core.schema_version (version_num) VALUES
	('0039');


--
-- Data for Name: series; Type: TABLE DATA; Schema: heartguard_core; Owner: heartguard_owner
--

INSERT INTO heartguard_core.series (id, bucket_id, measurement, tags, digest, user_id) OVERRIDING SYSTEM VALUE VALUES
	(1, 1, 'heart_rate', '{"device": "w 1,=", "user_id": "2"}', '\x0101010101010101010101010101010101010101010101010101010101010101', 2),
	(2, 1, 'heart_rate', '{}', '\x0202020202020202020202020202020202020202020202020202020202020202', NULL),
	(3, 3, 'steps', '{"user_id": "3"}', '\x0303030303030303030303030303030303030303030303030303030303030303', 3);


--
-- Data for Name: sessions; Type: TABLE DATA; Schema: heartguard_core; Owner: heartguard_owner
--

INSERT INTO heartguard_core.sessions (id, user_id, created_at, last_used_at, expires_at, ended_at, address, user_agent) VALUES
	('01999999-0000-7000-8000-000000000011', 1, '2026-11-01 10:00:00+00', '2026-11-01 11:00:00+00', '2026-12-01 10:00:00+00', NULL, '192.0.2.7', 'Wearable/1.0 (ñ)'),
	('01999999-0000-7000-8000-000000000012', 2, '2026-11-01 10:00:00+00', '2026-11-01 11:00:00+00', '2026-12-01 10:00:00+00', '2026-11-02 10:00:00+00', '2001:db8::7', '');


--
-- Data for Name: signing_keys; Type: TABLE DATA; Schema: heartguard_core; Owner: heartguard_owner
--

INSERT INTO heartguard_core.signing_keys (kid, private_key, public_jwk, created_at, retired_at, signs_since, expires_at) VALUES
	('kid-0', 'an encrypted key', '{"kid": "kid-0", "kty": "RSA"}', '2026-08-01 00:00:00+00', '2026-11-01 10:00:00+00', '2026-08-01 00:00:00+00', '2026-11-08 00:00:00+00'),
	('kid-1', 'another encrypted key', '{"kid": "kid-1", "kty": "RSA"}', '2026-10-25 00:00:00+00', NULL, '2026-11-01 00:00:00+00', NULL);


--
-- Data for Name: user_preferences; Type: TABLE DATA; Schema: heartguard_core; Owner: heartguard_owner
--

INSERT INTO heartguard_core.user_preferences (user_id, key, value, "position") VALUES
	(1, 'theme', '"dark"', 0),
	(1, 'zones', '{"max": 190.5, "rest": [50, 60]}', 1),
	(2, 'theme', 'null', 0);


--
-- Data for Name: users; Type: TABLE DATA; Schema: heartguard_core; Owner: heartguard_owner
--

INSERT INTO heartguard_core.users (id, org_id, email, password_hash, full_name, role, active, created_at, updated_at, deleted_at) OVERRIDING SYSTEM VALUE VALUES
	(1, 1, 'María.Straße@example.com', 'hash of a password', 'María Núñez', 'admin', true, '2026-10-01 08:00:00+00', '2026-11-29 23:09:44.266682+00', NULL),
	(2, 1, 'member@example.com', 'another hash', 'O''Brien; "Pat"', 'user', true, '2026-10-01 09:00:00+00', '2026-11-29 23:09:44.266682+00', NULL),
	(3, 2, 'manager@example.jp', 'a third hash', '山田太郎', 'manager', false, '2026-10-02 09:00:00+00', '2026-11-29 23:09:44.266682+00', NULL),
	(4, 1, NULL, NULL, NULL, 'user', false, '2026-10-01 09:00:00+00', '2026-11-29 23:09:44.266682+00', '2026-11-01 09:00:00+00');


--
-- Name: audit_outbox_id_seq; Type: SEQUENCE SET; Schema: heartguard_core; Owner: heartguard_owner
--

SELECT pg_catalog.setval('heartguard_core.audit_outbox_id_seq', 1, true);


--
-- Name: buckets_id_seq; Type: SEQUENCE SET; Schema: heartguard_core; Owner: heartguard_owner
--

SELECT pg_catalog.setval('heartguard_core.buckets_id_seq', 3, true);


--
-- Name: field_types_id_seq; Type: SEQUENCE SET; Schema: heartguard_core; Owner: heartguard_owner
--

SELECT pg_catalog.setval('heartguard_core.field_types_id_seq', 4, true);


--
-- Name: organizations_id_seq; Type: SEQUENCE SET; Schema: heartguard_core; Owner: heartguard_owner
--

SELECT pg_catalog.setval('heartguard_core.organizations_id_seq', 3, true);


--
-- Name: restores_id_seq; Type: SEQUENCE SET; Schema: heartguard_core; Owner: heartguard_owner
--

SELECT pg_catalog.setval('heartguard_core.restores_id_seq', 1, true);


--
-- Name: series_id_seq; Type: SEQUENCE SET; Schema: heartguard_core; Owner: heartguard_owner
--

SELECT pg_catalog.setval('heartguard_core.series_id_seq', 3, true);


--
-- Name: users_id_seq; Type: SEQUENCE SET; Schema: heartguard_core; Owner: heartguard_owner
--

SELECT pg_catalog.setval('heartguard_core.users_id_seq', 4, true);


--
-- Name: audit_checkpoints audit_checkpoints_org_id_kind_sequence_key; Type: CONSTRAINT; Schema: heartguard_core; Owner: heartguard_owner
--

ALTER TABLE ONLY heartguard_core.audit_checkpoints
    ADD CONSTRAINT audit_checkpoints_org_id_kind_sequence_key UNIQUE NULLS NOT DISTINCT (org_id, kind, sequence);


--
-- Name: audit_events audit_events_pkey; Type: CONSTRAINT; Schema: heartguard_core; Owner: heartguard_owner
--

ALTER TABLE ONLY heartguard_core.audit_events
    ADD CONSTRAINT audit_events_pkey PRIMARY KEY (event_id);


--
-- Name: audit_events audit_events_trail; Type: CONSTRAINT; Schema: heartguard_core; Owner: heartguard_owner
--

ALTER TABLE ONLY heartguard_core.audit_events
    ADD CONSTRAINT audit_events_trail UNIQUE NULLS NOT DISTINCT (org_id, sequence);


--
-- Name: audit_outbox audit_outbox_pkey; Type: CONSTRAINT; Schema: heartguard_core; Owner: heartguard_owner
--

ALTER TABLE ONLY heartguard_core.audit_outbox
    ADD CONSTRAINT audit_outbox_pkey PRIMARY KEY (id);


--
-- Name: buckets buckets_org_id_name_key; Type: CONSTRAINT; Schema: heartguard_core; Owner: heartguard_owner
--

ALTER TABLE ONLY heartguard_core.buckets
    ADD CONSTRAINT buckets_org_id_name_key UNIQUE (org_id, name);


--
-- Name: buckets buckets_pkey; Type: CONSTRAINT; Schema: heartguard_core; Owner: heartguard_owner
--

ALTER TABLE ONLY heartguard_core.buckets
    ADD CONSTRAINT buckets_pkey PRIMARY KEY (id);


--
-- Name: daily_counts daily_counts_pkey; Type: CONSTRAINT; Schema: heartguard_core; Owner: heartguard_owner
--

ALTER TABLE ONLY heartguard_core.daily_counts
    ADD CONSTRAINT daily_counts_pkey PRIMARY KEY (org_id, day, name, subject);


--
-- Name: dead_letters dead_letters_pkey; Type: CONSTRAINT; Schema: heartguard_core; Owner: heartguard_owner
--

ALTER TABLE ONLY heartguard_core.dead_letters
    ADD CONSTRAINT dead_letters_pkey PRIMARY KEY (id);


--
-- Name: dead_letters dead_letters_service_queue_item_key; Type: CONSTRAINT; Schema: heartguard_core; Owner: heartguard_owner
--

ALTER TABLE ONLY heartguard_core.dead_letters
    ADD CONSTRAINT dead_letters_service_queue_item_key UNIQUE (service, queue, item);


--
-- Name: export_archives export_archives_pkey; Type: CONSTRAINT; Schema: heartguard_core; Owner: heartguard_owner
--

ALTER TABLE ONLY heartguard_core.export_archives
    ADD CONSTRAINT export_archives_pkey PRIMARY KEY (id);


--
-- Name: field_types field_types_bucket_id_measurement_field_key; Type: CONSTRAINT; Schema: heartguard_core; Owner: heartguard_owner
--

ALTER TABLE ONLY heartguard_core.field_types
    ADD CONSTRAINT field_types_bucket_id_measurement_field_key UNIQUE (bucket_id, measurement, field);


--
-- Name: field_types field_types_pkey; Type: CONSTRAINT; Schema: heartguard_core; Owner: heartguard_owner
--

ALTER TABLE ONLY heartguard_core.field_types
    ADD CONSTRAINT field_types_pkey PRIMARY KEY (id);


--
-- Name: idempotency_keys idempotency_keys_pkey; Type: CONSTRAINT; Schema: heartguard_core; Owner: heartguard_owner
--

ALTER TABLE ONLY heartguard_core.idempotency_keys
    ADD CONSTRAINT idempotency_keys_pkey PRIMARY KEY (service, caller, route, key);


--
-- Name: invitations invitations_code_hash_key; Type: CONSTRAINT; Schema: heartguard_core; Owner: heartguard_owner
--

ALTER TABLE ONLY heartguard_core.invitations
    ADD CONSTRAINT invitations_code_hash_key UNIQUE (code_hash);


--
-- Name: invitations invitations_org_id_email_key_key; Type: CONSTRAINT; Schema: heartguard_core; Owner: heartguard_owner
--

ALTER TABLE ONLY heartguard_core.invitations
    ADD CONSTRAINT invitations_org_id_email_key_key UNIQUE (org_id, email_key);


--
-- Name: invitations invitations_pkey; Type: CONSTRAINT; Schema: heartguard_core; Owner: heartguard_owner
--

ALTER TABLE ONLY heartguard_core.invitations
    ADD CONSTRAINT invitations_pkey PRIMARY KEY (id);


--
-- Name: jobs jobs_pkey; Type: CONSTRAINT; Schema: heartguard_core; Owner: heartguard_owner
--

ALTER TABLE ONLY heartguard_core.jobs
    ADD CONSTRAINT jobs_pkey PRIMARY KEY (id);


--
-- Name: login_locks login_locks_pkey; Type: CONSTRAINT; Schema: heartguard_core; Owner: heartguard_owner
--

ALTER TABLE ONLY heartguard_core.login_locks
    ADD CONSTRAINT login_locks_pkey PRIMARY KEY (account, address);


--
-- Name: mail_outbox mail_outbox_once_key; Type: CONSTRAINT; Schema: heartguard_core; Owner: heartguard_owner
--

ALTER TABLE ONLY heartguard_core.mail_outbox
    ADD CONSTRAINT mail_outbox_once_key UNIQUE (once);


--
-- Name: mail_outbox mail_outbox_pkey; Type: CONSTRAINT; Schema: heartguard_core; Owner: heartguard_owner
--

ALTER TABLE ONLY heartguard_core.mail_outbox
    ADD CONSTRAINT mail_outbox_pkey PRIMARY KEY (id);


--
-- Name: media_items media_items_pkey; Type: CONSTRAINT; Schema: heartguard_core; Owner: heartguard_owner
--

ALTER TABLE ONLY heartguard_core.media_items
    ADD CONSTRAINT media_items_pkey PRIMARY KEY (id);


--
-- Name: media_usage media_usage_pkey; Type: CONSTRAINT; Schema: heartguard_core; Owner: heartguard_owner
--

ALTER TABLE ONLY heartguard_core.media_usage
    ADD CONSTRAINT media_usage_pkey PRIMARY KEY (org_id);


--
-- Name: organization_limits organization_limits_pkey; Type: CONSTRAINT; Schema: heartguard_core; Owner: heartguard_owner
--

ALTER TABLE ONLY heartguard_core.organization_limits
    ADD CONSTRAINT organization_limits_pkey PRIMARY KEY (org_id, name);


--
-- Name: organizations organizations_pkey; Type: CONSTRAINT; Schema: heartguard_core; Owner: heartguard_owner
--

ALTER TABLE ONLY heartguard_core.organizations
    ADD CONSTRAINT organizations_pkey PRIMARY KEY (id);


--
-- Name: password_resets password_resets_pkey; Type: CONSTRAINT; Schema: heartguard_core; Owner: heartguard_owner
--

ALTER TABLE ONLY heartguard_core.password_resets
    ADD CONSTRAINT password_resets_pkey PRIMARY KEY (code_hash);


--
-- Name: point_counts point_counts_pkey; Type: CONSTRAINT; Schema: heartguard_core; Owner: heartguard_owner
--

ALTER TABLE ONLY heartguard_core.point_counts
    ADD CONSTRAINT point_counts_pkey PRIMARY KEY (org_id, day, shard);


--
-- Name: points points_pkey; Type: CONSTRAINT; Schema: heartguard_core; Owner: heartguard_owner
--

ALTER TABLE ONLY heartguard_core.points
    ADD CONSTRAINT points_pkey PRIMARY KEY (series_id, time_ns, field_id);


--
-- Name: refresh_tokens refresh_tokens_access_token_id_key; Type: CONSTRAINT; Schema: heartguard_core; Owner: heartguard_owner
--

ALTER TABLE ONLY heartguard_core.refresh_tokens
    ADD CONSTRAINT refresh_tokens_access_token_id_key UNIQUE (access_token_id);


--
-- Name: refresh_tokens refresh_tokens_pkey; Type: CONSTRAINT; Schema: heartguard_core; Owner: heartguard_owner
--

ALTER TABLE ONLY heartguard_core.refresh_tokens
    ADD CONSTRAINT refresh_tokens_pkey PRIMARY KEY (token_hash);


--
-- Name: restores restores_pkey; Type: CONSTRAINT; Schema: heartguard_core; Owner: heartguard_owner
--

ALTER TABLE ONLY heartguard_core.restores
    ADD CONSTRAINT restores_pkey PRIMARY KEY (id);


--
-- Name: revoked_tokens revoked_tokens_pkey; Type: CONSTRAINT; Schema: heartguard_core; Owner: heartguard_owner
--

ALTER TABLE ONLY heartguard_core.revoked_tokens
    ADD CONSTRAINT revoked_tokens_pkey PRIMARY KEY (kind, value);


--
-- Name: schema_version schema_version_pkc; Type: CONSTRAINT; Schema: heartguard_core; Owner: heartguard_owner
--

ALTER TABLE ONLY heartguard_core.schema_version
    ADD CONSTRAINT schema_version_pkc PRIMARY KEY (version_num);


--
-- Name: series series_bucket_id_digest_key; Type: CONSTRAINT; Schema: heartguard_core; Owner: heartguard_owner
--

ALTER TABLE ONLY heartguard_core.series
    ADD CONSTRAINT series_bucket_id_digest_key UNIQUE (bucket_id, digest);


--
-- Name: series series_pkey; Type: CONSTRAINT; Schema: heartguard_core; Owner: heartguard_owner
--

ALTER TABLE ONLY heartguard_core.series
    ADD CONSTRAINT series_pkey PRIMARY KEY (id);


--
-- Name: sessions sessions_pkey; Type: CONSTRAINT; Schema: heartguard_core; Owner: heartguard_owner
--

ALTER TABLE ONLY heartguard_core.sessions
    ADD CONSTRAINT sessions_pkey PRIMARY KEY (id);


--
-- Name: signing_keys signing_keys_pkey; Type: CONSTRAINT; Schema: heartguard_core; Owner: heartguard_owner
--

ALTER TABLE ONLY heartguard_core.signing_keys
    ADD CONSTRAINT signing_keys_pkey PRIMARY KEY (kid);


--
-- Name: user_preferences user_preferences_pkey; Type: CONSTRAINT; Schema: heartguard_core; Owner: heartguard_owner
--

ALTER TABLE ONLY heartguard_core.user_preferences
    ADD CONSTRAINT user_preferences_pkey PRIMARY KEY (user_id, key);


--
-- Name: users users_email_key_key; Type: CONSTRAINT; Schema: heartguard_core; Owner: heartguard_owner
--

ALTER TABLE ONLY heartguard_core.users
    ADD CONSTRAINT users_email_key_key UNIQUE (email_key);


--
-- Name: users users_pkey; Type: CONSTRAINT; Schema: heartguard_core; Owner: heartguard_owner
--

ALTER TABLE ONLY heartguard_core.users
    ADD CONSTRAINT users_pkey PRIMARY KEY (id);


--
-- Name: audit_events_by_actor; Type: INDEX; Schema: heartguard_core; Owner: heartguard_owner
--

CREATE INDEX audit_events_by_actor ON heartguard_core.audit_events USING btree (org_id, actor, sequence);


--
-- Name: audit_events_by_actor_hash; Type: INDEX; Schema: heartguard_core; Owner: heartguard_owner
--

CREATE INDEX audit_events_by_actor_hash ON heartguard_core.audit_events USING btree (org_id, actor_hash, sequence) WHERE (actor_hash IS NOT NULL);


--
-- Name: audit_events_by_resource; Type: INDEX; Schema: heartguard_core; Owner: heartguard_owner
--

CREATE INDEX audit_events_by_resource ON heartguard_core.audit_events USING btree (org_id, resource, sequence) WHERE (resource IS NOT NULL);


--
-- Name: audit_events_by_time; Type: INDEX; Schema: heartguard_core; Owner: heartguard_owner
--

CREATE INDEX audit_events_by_time ON heartguard_core.audit_events USING btree (org_id, time_ns);


--
-- Name: daily_counts_by_day; Type: INDEX; Schema: heartguard_core; Owner: heartguard_owner
--

CREATE INDEX daily_counts_by_day ON heartguard_core.daily_counts USING btree (day);


--
-- Name: dead_letters_dead; Type: INDEX; Schema: heartguard_core; Owner: heartguard_owner
--

CREATE INDEX dead_letters_dead ON heartguard_core.dead_letters USING btree (service, queue) WHERE (due_at IS NULL);


--
-- Name: export_archives_expiring; Type: INDEX; Schema: heartguard_core; Owner: heartguard_owner
--

CREATE INDEX export_archives_expiring ON heartguard_core.export_archives USING btree (expires_at);


--
-- Name: export_archives_of_owner; Type: INDEX; Schema: heartguard_core; Owner: heartguard_owner
--

CREATE INDEX export_archives_of_owner ON heartguard_core.export_archives USING btree (org_id, owner_id);


--
-- Name: idempotency_keys_by_age; Type: INDEX; Schema: heartguard_core; Owner: heartguard_owner
--

CREATE INDEX idempotency_keys_by_age ON heartguard_core.idempotency_keys USING btree (service, created_ns);


--
-- Name: invitations_of_address; Type: INDEX; Schema: heartguard_core; Owner: heartguard_owner
--

CREATE INDEX invitations_of_address ON heartguard_core.invitations USING btree (email_key);


--
-- Name: invitations_of_inviter; Type: INDEX; Schema: heartguard_core; Owner: heartguard_owner
--

CREATE INDEX invitations_of_inviter ON heartguard_core.invitations USING btree (created_by);


--
-- Name: jobs_due; Type: INDEX; Schema: heartguard_core; Owner: heartguard_owner
--

CREATE INDEX jobs_due ON heartguard_core.jobs USING btree (kind, due_at) WHERE (status = ANY (ARRAY['queued'::text, 'running'::text]));


--
-- Name: jobs_of_organization; Type: INDEX; Schema: heartguard_core; Owner: heartguard_owner
--

CREATE INDEX jobs_of_organization ON heartguard_core.jobs USING btree (org_id, kind) WHERE (status = ANY (ARRAY['queued'::text, 'running'::text]));


--
-- Name: jobs_one_at_a_time; Type: INDEX; Schema: heartguard_core; Owner: heartguard_owner
--

CREATE UNIQUE INDEX jobs_one_at_a_time ON heartguard_core.jobs USING btree (kind, org_id, user_id) NULLS NOT DISTINCT WHERE (status = ANY (ARRAY['queued'::text, 'running'::text]));


--
-- Name: login_locks_by_end; Type: INDEX; Schema: heartguard_core; Owner: heartguard_owner
--

CREATE INDEX login_locks_by_end ON heartguard_core.login_locks USING btree (until);


--
-- Name: mail_outbox_by_recipient; Type: INDEX; Schema: heartguard_core; Owner: heartguard_owner
--

CREATE INDEX mail_outbox_by_recipient ON heartguard_core.mail_outbox USING btree (recipient);


--
-- Name: mail_outbox_due; Type: INDEX; Schema: heartguard_core; Owner: heartguard_owner
--

CREATE INDEX mail_outbox_due ON heartguard_core.mail_outbox USING btree (due_at);


--
-- Name: media_items_of_organization; Type: INDEX; Schema: heartguard_core; Owner: heartguard_owner
--

CREATE INDEX media_items_of_organization ON heartguard_core.media_items USING btree (org_id, id DESC);


--
-- Name: media_items_of_owner; Type: INDEX; Schema: heartguard_core; Owner: heartguard_owner
--

CREATE INDEX media_items_of_owner ON heartguard_core.media_items USING btree (org_id, owner_id, id DESC);


--
-- Name: media_items_open; Type: INDEX; Schema: heartguard_core; Owner: heartguard_owner
--

CREATE INDEX media_items_open ON heartguard_core.media_items USING btree (org_id, owner_id) WHERE ((status = 'pending'::text) AND (bytes_until IS NOT NULL));


--
-- Name: media_items_pending; Type: INDEX; Schema: heartguard_core; Owner: heartguard_owner
--

CREATE INDEX media_items_pending ON heartguard_core.media_items USING btree (created_at) WHERE (status = 'pending'::text);


--
-- Name: media_items_retired; Type: INDEX; Schema: heartguard_core; Owner: heartguard_owner
--

CREATE INDEX media_items_retired ON heartguard_core.media_items USING btree (org_id, id) WHERE (status = 'retired'::text);


--
-- Name: password_resets_of_user; Type: INDEX; Schema: heartguard_core; Owner: heartguard_owner
--

CREATE INDEX password_resets_of_user ON heartguard_core.password_resets USING btree (user_id, created_at);


--
-- Name: refresh_tokens_of_session; Type: INDEX; Schema: heartguard_core; Owner: heartguard_owner
--

CREATE INDEX refresh_tokens_of_session ON heartguard_core.refresh_tokens USING btree (session_id);


--
-- Name: refresh_tokens_spent; Type: INDEX; Schema: heartguard_core; Owner: heartguard_owner
--

CREATE INDEX refresh_tokens_spent ON heartguard_core.refresh_tokens USING btree (access_expires_at) WHERE (used_at IS NOT NULL);


--
-- Name: revoked_tokens_by_age; Type: INDEX; Schema: heartguard_core; Owner: heartguard_owner
--

CREATE INDEX revoked_tokens_by_age ON heartguard_core.revoked_tokens USING btree (revoked_at);


--
-- Name: revoked_tokens_by_expiry; Type: INDEX; Schema: heartguard_core; Owner: heartguard_owner
--

CREATE INDEX revoked_tokens_by_expiry ON heartguard_core.revoked_tokens USING btree (expires_at);


--
-- Name: series_in_order; Type: INDEX; Schema: heartguard_core; Owner: heartguard_owner
--

CREATE INDEX series_in_order ON heartguard_core.series USING btree (bucket_id, id);


--
-- Name: series_of_measurement; Type: INDEX; Schema: heartguard_core; Owner: heartguard_owner
--

CREATE INDEX series_of_measurement ON heartguard_core.series USING btree (bucket_id, measurement);


--
-- Name: series_of_person; Type: INDEX; Schema: heartguard_core; Owner: heartguard_owner
--

CREATE INDEX series_of_person ON heartguard_core.series USING btree (user_id, bucket_id) WHERE (user_id IS NOT NULL);


--
-- Name: sessions_by_age; Type: INDEX; Schema: heartguard_core; Owner: heartguard_owner
--

CREATE INDEX sessions_by_age ON heartguard_core.sessions USING btree (LEAST(expires_at, last_used_at));


--
-- Name: sessions_of_user; Type: INDEX; Schema: heartguard_core; Owner: heartguard_owner
--

CREATE INDEX sessions_of_user ON heartguard_core.sessions USING btree (user_id) WHERE (ended_at IS NULL);


--
-- Name: users_of_organization; Type: INDEX; Schema: heartguard_core; Owner: heartguard_owner
--

CREATE INDEX users_of_organization ON heartguard_core.users USING btree (org_id, id);


--
-- Name: audit_checkpoints append_only; Type: TRIGGER; Schema: heartguard_core; Owner: heartguard_owner
--

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE ON heartguard_core.audit_checkpoints FOR EACH ROW EXECUTE FUNCTION heartguard_core.refuse_audit_change();

ALTER TABLE heartguard_core.audit_checkpoints ENABLE ALWAYS TRIGGER append_only;


--
-- Name: audit_events append_only; Type: TRIGGER; Schema: heartguard_core; Owner: heartguard_owner
--

CREATE TRIGGER append_only BEFORE UPDATE ON heartguard_core.audit_events FOR EACH ROW EXECUTE FUNCTION heartguard_core.refuse_audit_change();

ALTER TABLE heartguard_core.audit_events ENABLE ALWAYS TRIGGER append_only;


--
-- Name: media_items count_media; Type: TRIGGER; Schema: heartguard_core; Owner: heartguard_owner
--

CREATE TRIGGER count_media AFTER INSERT OR DELETE OR UPDATE OF status, size ON heartguard_core.media_items FOR EACH ROW EXECUTE FUNCTION heartguard_core.count_media();


--
-- Name: audit_events link_event; Type: TRIGGER; Schema: heartguard_core; Owner: heartguard_owner
--

CREATE TRIGGER link_event BEFORE INSERT ON heartguard_core.audit_events FOR EACH ROW EXECUTE FUNCTION heartguard_core.link_audit_event();

ALTER TABLE heartguard_core.audit_events ENABLE ALWAYS TRIGGER link_event;


--
-- Name: audit_checkpoints never_emptied; Type: TRIGGER; Schema: heartguard_core; Owner: heartguard_owner
--

CREATE TRIGGER never_emptied BEFORE TRUNCATE ON heartguard_core.audit_checkpoints FOR EACH STATEMENT EXECUTE FUNCTION heartguard_core.refuse_audit_change();

ALTER TABLE heartguard_core.audit_checkpoints ENABLE ALWAYS TRIGGER never_emptied;


--
-- Name: audit_events never_emptied; Type: TRIGGER; Schema: heartguard_core; Owner: heartguard_owner
--

CREATE TRIGGER never_emptied BEFORE TRUNCATE ON heartguard_core.audit_events FOR EACH STATEMENT EXECUTE FUNCTION heartguard_core.refuse_audit_change();

ALTER TABLE heartguard_core.audit_events ENABLE ALWAYS TRIGGER never_emptied;


--
-- Name: audit_events removal_only; Type: TRIGGER; Schema: heartguard_core; Owner: heartguard_owner
--

CREATE TRIGGER removal_only BEFORE DELETE ON heartguard_core.audit_events FOR EACH ROW EXECUTE FUNCTION heartguard_core.guard_audit_removal();

ALTER TABLE heartguard_core.audit_events ENABLE ALWAYS TRIGGER removal_only;


--
-- Name: jobs touch; Type: TRIGGER; Schema: heartguard_core; Owner: heartguard_owner
--

CREATE TRIGGER touch BEFORE UPDATE ON heartguard_core.jobs FOR EACH ROW EXECUTE FUNCTION heartguard_core.touch();


--
-- Name: organizations touch; Type: TRIGGER; Schema: heartguard_core; Owner: heartguard_owner
--

CREATE TRIGGER touch BEFORE UPDATE ON heartguard_core.organizations FOR EACH ROW EXECUTE FUNCTION heartguard_core.touch();


--
-- Name: users touch; Type: TRIGGER; Schema: heartguard_core; Owner: heartguard_owner
--

CREATE TRIGGER touch BEFORE UPDATE ON heartguard_core.users FOR EACH ROW EXECUTE FUNCTION heartguard_core.touch();


--
-- Name: buckets buckets_org_id_fkey; Type: FK CONSTRAINT; Schema: heartguard_core; Owner: heartguard_owner
--

ALTER TABLE ONLY heartguard_core.buckets
    ADD CONSTRAINT buckets_org_id_fkey FOREIGN KEY (org_id) REFERENCES heartguard_core.organizations(id);


--
-- Name: export_archives export_archives_org_id_fkey; Type: FK CONSTRAINT; Schema: heartguard_core; Owner: heartguard_owner
--

ALTER TABLE ONLY heartguard_core.export_archives
    ADD CONSTRAINT export_archives_org_id_fkey FOREIGN KEY (org_id) REFERENCES heartguard_core.organizations(id);


--
-- Name: export_archives export_archives_owner_id_fkey; Type: FK CONSTRAINT; Schema: heartguard_core; Owner: heartguard_owner
--

ALTER TABLE ONLY heartguard_core.export_archives
    ADD CONSTRAINT export_archives_owner_id_fkey FOREIGN KEY (owner_id) REFERENCES heartguard_core.users(id);


--
-- Name: field_types field_types_bucket_id_fkey; Type: FK CONSTRAINT; Schema: heartguard_core; Owner: heartguard_owner
--

ALTER TABLE ONLY heartguard_core.field_types
    ADD CONSTRAINT field_types_bucket_id_fkey FOREIGN KEY (bucket_id) REFERENCES heartguard_core.buckets(id);


--
-- Name: invitations invitations_created_by_fkey; Type: FK CONSTRAINT; Schema: heartguard_core; Owner: heartguard_owner
--

ALTER TABLE ONLY heartguard_core.invitations
    ADD CONSTRAINT invitations_created_by_fkey FOREIGN KEY (created_by) REFERENCES heartguard_core.users(id);


--
-- Name: invitations invitations_org_id_fkey; Type: FK CONSTRAINT; Schema: heartguard_core; Owner: heartguard_owner
--

ALTER TABLE ONLY heartguard_core.invitations
    ADD CONSTRAINT invitations_org_id_fkey FOREIGN KEY (org_id) REFERENCES heartguard_core.organizations(id);


--
-- Name: media_items media_items_org_id_fkey; Type: FK CONSTRAINT; Schema: heartguard_core; Owner: heartguard_owner
--

ALTER TABLE ONLY heartguard_core.media_items
    ADD CONSTRAINT media_items_org_id_fkey FOREIGN KEY (org_id) REFERENCES heartguard_core.organizations(id);


--
-- Name: media_items media_items_owner_id_fkey; Type: FK CONSTRAINT; Schema: heartguard_core; Owner: heartguard_owner
--

ALTER TABLE ONLY heartguard_core.media_items
    ADD CONSTRAINT media_items_owner_id_fkey FOREIGN KEY (owner_id) REFERENCES heartguard_core.users(id);


--
-- Name: media_usage media_usage_org_id_fkey; Type: FK CONSTRAINT; Schema: heartguard_core; Owner: heartguard_owner
--

ALTER TABLE ONLY heartguard_core.media_usage
    ADD CONSTRAINT media_usage_org_id_fkey FOREIGN KEY (org_id) REFERENCES heartguard_core.organizations(id);


--
-- Name: organization_limits organization_limits_org_id_fkey; Type: FK CONSTRAINT; Schema: heartguard_core; Owner: heartguard_owner
--

ALTER TABLE ONLY heartguard_core.organization_limits
    ADD CONSTRAINT organization_limits_org_id_fkey FOREIGN KEY (org_id) REFERENCES heartguard_core.organizations(id);


--
-- Name: password_resets password_resets_user_id_fkey; Type: FK CONSTRAINT; Schema: heartguard_core; Owner: heartguard_owner
--

ALTER TABLE ONLY heartguard_core.password_resets
    ADD CONSTRAINT password_resets_user_id_fkey FOREIGN KEY (user_id) REFERENCES heartguard_core.users(id);


--
-- Name: refresh_tokens refresh_tokens_session_id_fkey; Type: FK CONSTRAINT; Schema: heartguard_core; Owner: heartguard_owner
--

ALTER TABLE ONLY heartguard_core.refresh_tokens
    ADD CONSTRAINT refresh_tokens_session_id_fkey FOREIGN KEY (session_id) REFERENCES heartguard_core.sessions(id);


--
-- Name: series series_bucket_id_fkey; Type: FK CONSTRAINT; Schema: heartguard_core; Owner: heartguard_owner
--

ALTER TABLE ONLY heartguard_core.series
    ADD CONSTRAINT series_bucket_id_fkey FOREIGN KEY (bucket_id) REFERENCES heartguard_core.buckets(id);


--
-- Name: sessions sessions_user_id_fkey; Type: FK CONSTRAINT; Schema: heartguard_core; Owner: heartguard_owner
--

ALTER TABLE ONLY heartguard_core.sessions
    ADD CONSTRAINT sessions_user_id_fkey FOREIGN KEY (user_id) REFERENCES heartguard_core.users(id);


--
-- Name: user_preferences user_preferences_user_id_fkey; Type: FK CONSTRAINT; Schema: heartguard_core; Owner: heartguard_owner
--

ALTER TABLE ONLY heartguard_core.user_preferences
    ADD CONSTRAINT user_preferences_user_id_fkey FOREIGN KEY (user_id) REFERENCES heartguard_core.users(id);


--
-- Name: users users_org_id_fkey; Type: FK CONSTRAINT; Schema: heartguard_core; Owner: heartguard_owner
--

ALTER TABLE ONLY heartguard_core.users
    ADD CONSTRAINT users_org_id_fkey FOREIGN KEY (org_id) REFERENCES heartguard_core.organizations(id);


--
-- Name: SCHEMA heartguard_core; Type: ACL; Schema: -; Owner: heartguard_owner
--

GRANT USAGE ON SCHEMA heartguard_core TO heartguard_auth;
GRANT USAGE ON SCHEMA heartguard_core TO heartguard_organization;
GRANT USAGE ON SCHEMA heartguard_core TO heartguard_user;
GRANT USAGE ON SCHEMA heartguard_core TO heartguard_media;
GRANT USAGE ON SCHEMA heartguard_core TO heartguard_influx;
GRANT USAGE ON SCHEMA heartguard_core TO heartguard_audit;
GRANT USAGE ON SCHEMA heartguard_core TO heartguard_retention;


--
-- Name: FUNCTION await_writers(org integer, person integer); Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

REVOKE ALL ON FUNCTION heartguard_core.await_writers(org integer, person integer) FROM PUBLIC;
GRANT ALL ON FUNCTION heartguard_core.await_writers(org integer, person integer) TO heartguard_auth;
GRANT ALL ON FUNCTION heartguard_core.await_writers(org integer, person integer) TO heartguard_organization;
GRANT ALL ON FUNCTION heartguard_core.await_writers(org integer, person integer) TO heartguard_user;
GRANT ALL ON FUNCTION heartguard_core.await_writers(org integer, person integer) TO heartguard_media;
GRANT ALL ON FUNCTION heartguard_core.await_writers(org integer, person integer) TO heartguard_influx;


--
-- Name: FUNCTION enter_writer(org integer, persons integer[], actor integer, actor_role text, jti text, sid text, kid text, hold integer[], OUT is_open boolean, OUT acts boolean, OUT erased integer[]); Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

REVOKE ALL ON FUNCTION heartguard_core.enter_writer(org integer, persons integer[], actor integer, actor_role text, jti text, sid text, kid text, hold integer[], OUT is_open boolean, OUT acts boolean, OUT erased integer[]) FROM PUBLIC;
GRANT ALL ON FUNCTION heartguard_core.enter_writer(org integer, persons integer[], actor integer, actor_role text, jti text, sid text, kid text, hold integer[], OUT is_open boolean, OUT acts boolean, OUT erased integer[]) TO heartguard_auth;
GRANT ALL ON FUNCTION heartguard_core.enter_writer(org integer, persons integer[], actor integer, actor_role text, jti text, sid text, kid text, hold integer[], OUT is_open boolean, OUT acts boolean, OUT erased integer[]) TO heartguard_organization;
GRANT ALL ON FUNCTION heartguard_core.enter_writer(org integer, persons integer[], actor integer, actor_role text, jti text, sid text, kid text, hold integer[], OUT is_open boolean, OUT acts boolean, OUT erased integer[]) TO heartguard_user;
GRANT ALL ON FUNCTION heartguard_core.enter_writer(org integer, persons integer[], actor integer, actor_role text, jti text, sid text, kid text, hold integer[], OUT is_open boolean, OUT acts boolean, OUT erased integer[]) TO heartguard_media;
GRANT ALL ON FUNCTION heartguard_core.enter_writer(org integer, persons integer[], actor integer, actor_role text, jti text, sid text, kid text, hold integer[], OUT is_open boolean, OUT acts boolean, OUT erased integer[]) TO heartguard_influx;
GRANT ALL ON FUNCTION heartguard_core.enter_writer(org integer, persons integer[], actor integer, actor_role text, jti text, sid text, kid text, hold integer[], OUT is_open boolean, OUT acts boolean, OUT erased integer[]) TO heartguard_audit;


--
-- Name: FUNCTION limits_used(organization integer, today date); Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

REVOKE ALL ON FUNCTION heartguard_core.limits_used(organization integer, today date) FROM PUBLIC;
GRANT ALL ON FUNCTION heartguard_core.limits_used(organization integer, today date) TO heartguard_organization;


--
-- Name: TABLE audit_checkpoints; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT SELECT ON TABLE heartguard_core.audit_checkpoints TO heartguard_retention;
GRANT SELECT,INSERT ON TABLE heartguard_core.audit_checkpoints TO heartguard_audit;


--
-- Name: TABLE audit_events; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT SELECT ON TABLE heartguard_core.audit_events TO heartguard_audit;
GRANT DELETE ON TABLE heartguard_core.audit_events TO heartguard_retention;


--
-- Name: COLUMN audit_events.event_id; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT INSERT(event_id) ON TABLE heartguard_core.audit_events TO heartguard_audit;


--
-- Name: COLUMN audit_events.org_id; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT INSERT(org_id) ON TABLE heartguard_core.audit_events TO heartguard_audit;
GRANT SELECT(org_id) ON TABLE heartguard_core.audit_events TO heartguard_retention;


--
-- Name: COLUMN audit_events.sequence; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT SELECT(sequence) ON TABLE heartguard_core.audit_events TO heartguard_retention;
GRANT INSERT(sequence) ON TABLE heartguard_core.audit_events TO heartguard_audit;


--
-- Name: COLUMN audit_events.time_ns; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT INSERT(time_ns) ON TABLE heartguard_core.audit_events TO heartguard_audit;


--
-- Name: COLUMN audit_events.kind; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT INSERT(kind) ON TABLE heartguard_core.audit_events TO heartguard_audit;


--
-- Name: COLUMN audit_events.request_id; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT INSERT(request_id) ON TABLE heartguard_core.audit_events TO heartguard_audit;


--
-- Name: COLUMN audit_events.gateway_request_id; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT INSERT(gateway_request_id) ON TABLE heartguard_core.audit_events TO heartguard_audit;


--
-- Name: COLUMN audit_events.actor; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT INSERT(actor) ON TABLE heartguard_core.audit_events TO heartguard_audit;


--
-- Name: COLUMN audit_events.actor_hash; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT INSERT(actor_hash) ON TABLE heartguard_core.audit_events TO heartguard_audit;


--
-- Name: COLUMN audit_events.action; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT INSERT(action) ON TABLE heartguard_core.audit_events TO heartguard_audit;


--
-- Name: COLUMN audit_events.service; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT INSERT(service) ON TABLE heartguard_core.audit_events TO heartguard_audit;


--
-- Name: COLUMN audit_events.resource; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT INSERT(resource) ON TABLE heartguard_core.audit_events TO heartguard_audit;


--
-- Name: COLUMN audit_events.outcome; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT INSERT(outcome) ON TABLE heartguard_core.audit_events TO heartguard_audit;


--
-- Name: COLUMN audit_events.reason; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT INSERT(reason) ON TABLE heartguard_core.audit_events TO heartguard_audit;


--
-- Name: COLUMN audit_events.payload; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT INSERT(payload) ON TABLE heartguard_core.audit_events TO heartguard_audit;


--
-- Name: COLUMN audit_events.previous_hash; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT INSERT(previous_hash) ON TABLE heartguard_core.audit_events TO heartguard_audit;


--
-- Name: COLUMN audit_events.hash; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT INSERT(hash) ON TABLE heartguard_core.audit_events TO heartguard_audit;


--
-- Name: COLUMN audit_events.seal; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT INSERT(seal) ON TABLE heartguard_core.audit_events TO heartguard_audit;


--
-- Name: TABLE audit_outbox; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT SELECT,DELETE ON TABLE heartguard_core.audit_outbox TO heartguard_audit;


--
-- Name: COLUMN audit_outbox.event; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT INSERT(event) ON TABLE heartguard_core.audit_outbox TO heartguard_auth;
GRANT INSERT(event) ON TABLE heartguard_core.audit_outbox TO heartguard_organization;
GRANT INSERT(event) ON TABLE heartguard_core.audit_outbox TO heartguard_user;
GRANT INSERT(event) ON TABLE heartguard_core.audit_outbox TO heartguard_media;
GRANT INSERT(event) ON TABLE heartguard_core.audit_outbox TO heartguard_influx;
GRANT INSERT(event) ON TABLE heartguard_core.audit_outbox TO heartguard_audit;


--
-- Name: TABLE buckets; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE heartguard_core.buckets TO heartguard_influx;


--
-- Name: TABLE daily_counts; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE heartguard_core.daily_counts TO heartguard_auth;
GRANT SELECT,INSERT,UPDATE ON TABLE heartguard_core.daily_counts TO heartguard_user;
GRANT SELECT,INSERT,UPDATE ON TABLE heartguard_core.daily_counts TO heartguard_media;
GRANT SELECT,INSERT,UPDATE ON TABLE heartguard_core.daily_counts TO heartguard_influx;
GRANT SELECT,INSERT,UPDATE ON TABLE heartguard_core.daily_counts TO heartguard_audit;


--
-- Name: TABLE dead_letters; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT SELECT,INSERT,DELETE ON TABLE heartguard_core.dead_letters TO heartguard_auth;
GRANT SELECT,INSERT,DELETE ON TABLE heartguard_core.dead_letters TO heartguard_organization;
GRANT SELECT,INSERT,DELETE ON TABLE heartguard_core.dead_letters TO heartguard_user;
GRANT SELECT,INSERT,DELETE ON TABLE heartguard_core.dead_letters TO heartguard_media;
GRANT SELECT,INSERT,DELETE ON TABLE heartguard_core.dead_letters TO heartguard_influx;
GRANT SELECT,INSERT,DELETE ON TABLE heartguard_core.dead_letters TO heartguard_audit;


--
-- Name: COLUMN dead_letters.attempts; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT UPDATE(attempts) ON TABLE heartguard_core.dead_letters TO heartguard_auth;
GRANT UPDATE(attempts) ON TABLE heartguard_core.dead_letters TO heartguard_organization;
GRANT UPDATE(attempts) ON TABLE heartguard_core.dead_letters TO heartguard_user;
GRANT UPDATE(attempts) ON TABLE heartguard_core.dead_letters TO heartguard_media;
GRANT UPDATE(attempts) ON TABLE heartguard_core.dead_letters TO heartguard_influx;
GRANT UPDATE(attempts) ON TABLE heartguard_core.dead_letters TO heartguard_audit;


--
-- Name: COLUMN dead_letters.reason; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT UPDATE(reason) ON TABLE heartguard_core.dead_letters TO heartguard_auth;
GRANT UPDATE(reason) ON TABLE heartguard_core.dead_letters TO heartguard_organization;
GRANT UPDATE(reason) ON TABLE heartguard_core.dead_letters TO heartguard_user;
GRANT UPDATE(reason) ON TABLE heartguard_core.dead_letters TO heartguard_media;
GRANT UPDATE(reason) ON TABLE heartguard_core.dead_letters TO heartguard_influx;
GRANT UPDATE(reason) ON TABLE heartguard_core.dead_letters TO heartguard_audit;


--
-- Name: COLUMN dead_letters.content; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT UPDATE(content) ON TABLE heartguard_core.dead_letters TO heartguard_auth;
GRANT UPDATE(content) ON TABLE heartguard_core.dead_letters TO heartguard_organization;
GRANT UPDATE(content) ON TABLE heartguard_core.dead_letters TO heartguard_user;
GRANT UPDATE(content) ON TABLE heartguard_core.dead_letters TO heartguard_media;
GRANT UPDATE(content) ON TABLE heartguard_core.dead_letters TO heartguard_influx;
GRANT UPDATE(content) ON TABLE heartguard_core.dead_letters TO heartguard_audit;


--
-- Name: COLUMN dead_letters.last_failed_at; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT UPDATE(last_failed_at) ON TABLE heartguard_core.dead_letters TO heartguard_auth;
GRANT UPDATE(last_failed_at) ON TABLE heartguard_core.dead_letters TO heartguard_organization;
GRANT UPDATE(last_failed_at) ON TABLE heartguard_core.dead_letters TO heartguard_user;
GRANT UPDATE(last_failed_at) ON TABLE heartguard_core.dead_letters TO heartguard_media;
GRANT UPDATE(last_failed_at) ON TABLE heartguard_core.dead_letters TO heartguard_influx;
GRANT UPDATE(last_failed_at) ON TABLE heartguard_core.dead_letters TO heartguard_audit;


--
-- Name: COLUMN dead_letters.due_at; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT UPDATE(due_at) ON TABLE heartguard_core.dead_letters TO heartguard_auth;
GRANT UPDATE(due_at) ON TABLE heartguard_core.dead_letters TO heartguard_organization;
GRANT UPDATE(due_at) ON TABLE heartguard_core.dead_letters TO heartguard_user;
GRANT UPDATE(due_at) ON TABLE heartguard_core.dead_letters TO heartguard_media;
GRANT UPDATE(due_at) ON TABLE heartguard_core.dead_letters TO heartguard_influx;
GRANT UPDATE(due_at) ON TABLE heartguard_core.dead_letters TO heartguard_audit;


--
-- Name: TABLE export_archives; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT SELECT,DELETE ON TABLE heartguard_core.export_archives TO heartguard_media;


--
-- Name: COLUMN export_archives.id; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT INSERT(id) ON TABLE heartguard_core.export_archives TO heartguard_media;


--
-- Name: COLUMN export_archives.org_id; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT INSERT(org_id) ON TABLE heartguard_core.export_archives TO heartguard_media;


--
-- Name: COLUMN export_archives.owner_id; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT INSERT(owner_id) ON TABLE heartguard_core.export_archives TO heartguard_media;


--
-- Name: COLUMN export_archives.size; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT UPDATE(size) ON TABLE heartguard_core.export_archives TO heartguard_media;


--
-- Name: COLUMN export_archives.sha256; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT UPDATE(sha256) ON TABLE heartguard_core.export_archives TO heartguard_media;


--
-- Name: COLUMN export_archives.created_at; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT INSERT(created_at) ON TABLE heartguard_core.export_archives TO heartguard_media;


--
-- Name: COLUMN export_archives.expires_at; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT INSERT(expires_at) ON TABLE heartguard_core.export_archives TO heartguard_media;


--
-- Name: TABLE field_types; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE heartguard_core.field_types TO heartguard_influx;


--
-- Name: TABLE idempotency_keys; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT SELECT,INSERT,DELETE ON TABLE heartguard_core.idempotency_keys TO heartguard_media;
GRANT SELECT,INSERT,DELETE ON TABLE heartguard_core.idempotency_keys TO heartguard_influx;
GRANT SELECT,INSERT,DELETE ON TABLE heartguard_core.idempotency_keys TO heartguard_audit;
GRANT SELECT,INSERT,DELETE ON TABLE heartguard_core.idempotency_keys TO heartguard_user;


--
-- Name: COLUMN idempotency_keys.status; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT UPDATE(status) ON TABLE heartguard_core.idempotency_keys TO heartguard_media;
GRANT UPDATE(status) ON TABLE heartguard_core.idempotency_keys TO heartguard_influx;
GRANT UPDATE(status) ON TABLE heartguard_core.idempotency_keys TO heartguard_audit;
GRANT UPDATE(status) ON TABLE heartguard_core.idempotency_keys TO heartguard_user;


--
-- Name: COLUMN idempotency_keys.headers; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT UPDATE(headers) ON TABLE heartguard_core.idempotency_keys TO heartguard_media;
GRANT UPDATE(headers) ON TABLE heartguard_core.idempotency_keys TO heartguard_influx;
GRANT UPDATE(headers) ON TABLE heartguard_core.idempotency_keys TO heartguard_audit;
GRANT UPDATE(headers) ON TABLE heartguard_core.idempotency_keys TO heartguard_user;


--
-- Name: COLUMN idempotency_keys.body; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT UPDATE(body) ON TABLE heartguard_core.idempotency_keys TO heartguard_media;
GRANT UPDATE(body) ON TABLE heartguard_core.idempotency_keys TO heartguard_influx;
GRANT UPDATE(body) ON TABLE heartguard_core.idempotency_keys TO heartguard_audit;
GRANT UPDATE(body) ON TABLE heartguard_core.idempotency_keys TO heartguard_user;


--
-- Name: TABLE invitations; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT SELECT,DELETE ON TABLE heartguard_core.invitations TO heartguard_auth;


--
-- Name: COLUMN invitations.id; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT INSERT(id) ON TABLE heartguard_core.invitations TO heartguard_auth;


--
-- Name: COLUMN invitations.org_id; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT INSERT(org_id) ON TABLE heartguard_core.invitations TO heartguard_auth;


--
-- Name: COLUMN invitations.email; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT INSERT(email) ON TABLE heartguard_core.invitations TO heartguard_auth;


--
-- Name: COLUMN invitations.role; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT INSERT(role) ON TABLE heartguard_core.invitations TO heartguard_auth;


--
-- Name: COLUMN invitations.code_hash; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT INSERT(code_hash) ON TABLE heartguard_core.invitations TO heartguard_auth;


--
-- Name: COLUMN invitations.created_by; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT INSERT(created_by) ON TABLE heartguard_core.invitations TO heartguard_auth;


--
-- Name: COLUMN invitations.created_at; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT INSERT(created_at) ON TABLE heartguard_core.invitations TO heartguard_auth;


--
-- Name: COLUMN invitations.expires_at; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT INSERT(expires_at) ON TABLE heartguard_core.invitations TO heartguard_auth;


--
-- Name: TABLE jobs; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT SELECT,INSERT,DELETE ON TABLE heartguard_core.jobs TO heartguard_organization;
GRANT SELECT,INSERT,DELETE ON TABLE heartguard_core.jobs TO heartguard_user;


--
-- Name: COLUMN jobs.status; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT UPDATE(status) ON TABLE heartguard_core.jobs TO heartguard_organization;
GRANT UPDATE(status) ON TABLE heartguard_core.jobs TO heartguard_user;


--
-- Name: COLUMN jobs.progress; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT UPDATE(progress) ON TABLE heartguard_core.jobs TO heartguard_organization;
GRANT UPDATE(progress) ON TABLE heartguard_core.jobs TO heartguard_user;


--
-- Name: COLUMN jobs.error; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT UPDATE(error) ON TABLE heartguard_core.jobs TO heartguard_organization;
GRANT UPDATE(error) ON TABLE heartguard_core.jobs TO heartguard_user;


--
-- Name: COLUMN jobs.attempts; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT UPDATE(attempts) ON TABLE heartguard_core.jobs TO heartguard_organization;
GRANT UPDATE(attempts) ON TABLE heartguard_core.jobs TO heartguard_user;


--
-- Name: COLUMN jobs.due_at; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT UPDATE(due_at) ON TABLE heartguard_core.jobs TO heartguard_organization;
GRANT UPDATE(due_at) ON TABLE heartguard_core.jobs TO heartguard_user;


--
-- Name: COLUMN jobs.result; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT UPDATE(result) ON TABLE heartguard_core.jobs TO heartguard_organization;
GRANT UPDATE(result) ON TABLE heartguard_core.jobs TO heartguard_user;


--
-- Name: TABLE login_locks; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT SELECT,INSERT,DELETE ON TABLE heartguard_core.login_locks TO heartguard_auth;


--
-- Name: COLUMN login_locks.until; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT UPDATE(until) ON TABLE heartguard_core.login_locks TO heartguard_auth;


--
-- Name: TABLE mail_outbox; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE heartguard_core.mail_outbox TO heartguard_auth;


--
-- Name: TABLE media_items; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT SELECT,DELETE ON TABLE heartguard_core.media_items TO heartguard_media;


--
-- Name: COLUMN media_items.id; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT INSERT(id) ON TABLE heartguard_core.media_items TO heartguard_media;


--
-- Name: COLUMN media_items.org_id; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT INSERT(org_id) ON TABLE heartguard_core.media_items TO heartguard_media;


--
-- Name: COLUMN media_items.owner_id; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT INSERT(owner_id) ON TABLE heartguard_core.media_items TO heartguard_media;


--
-- Name: COLUMN media_items.file_name; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT INSERT(file_name) ON TABLE heartguard_core.media_items TO heartguard_media;


--
-- Name: COLUMN media_items.content_type; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT INSERT(content_type) ON TABLE heartguard_core.media_items TO heartguard_media;


--
-- Name: COLUMN media_items.size; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT INSERT(size),UPDATE(size) ON TABLE heartguard_core.media_items TO heartguard_media;


--
-- Name: COLUMN media_items.sha256; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT INSERT(sha256),UPDATE(sha256) ON TABLE heartguard_core.media_items TO heartguard_media;


--
-- Name: COLUMN media_items.status; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT UPDATE(status) ON TABLE heartguard_core.media_items TO heartguard_media;


--
-- Name: COLUMN media_items.created_at; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT INSERT(created_at) ON TABLE heartguard_core.media_items TO heartguard_media;


--
-- Name: COLUMN media_items.bytes_until; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT INSERT(bytes_until),UPDATE(bytes_until) ON TABLE heartguard_core.media_items TO heartguard_media;


--
-- Name: TABLE media_usage; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT SELECT,UPDATE ON TABLE heartguard_core.media_usage TO heartguard_media;


--
-- Name: COLUMN media_usage.org_id; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT INSERT(org_id) ON TABLE heartguard_core.media_usage TO heartguard_media;


--
-- Name: TABLE organization_limits; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT SELECT ON TABLE heartguard_core.organization_limits TO heartguard_auth;
GRANT SELECT ON TABLE heartguard_core.organization_limits TO heartguard_user;
GRANT SELECT ON TABLE heartguard_core.organization_limits TO heartguard_media;
GRANT SELECT ON TABLE heartguard_core.organization_limits TO heartguard_influx;
GRANT SELECT ON TABLE heartguard_core.organization_limits TO heartguard_audit;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE heartguard_core.organization_limits TO heartguard_organization;


--
-- Name: TABLE organizations; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT SELECT ON TABLE heartguard_core.organizations TO heartguard_organization;


--
-- Name: COLUMN organizations.id; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT SELECT(id) ON TABLE heartguard_core.organizations TO heartguard_auth;
GRANT SELECT(id) ON TABLE heartguard_core.organizations TO heartguard_influx;
GRANT SELECT(id) ON TABLE heartguard_core.organizations TO heartguard_media;
GRANT SELECT(id) ON TABLE heartguard_core.organizations TO heartguard_audit;


--
-- Name: COLUMN organizations.name; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT INSERT(name) ON TABLE heartguard_core.organizations TO heartguard_auth;
GRANT UPDATE(name) ON TABLE heartguard_core.organizations TO heartguard_organization;


--
-- Name: COLUMN organizations.policies; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT UPDATE(policies) ON TABLE heartguard_core.organizations TO heartguard_organization;


--
-- Name: COLUMN organizations.retention_days; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT UPDATE(retention_days) ON TABLE heartguard_core.organizations TO heartguard_organization;
GRANT SELECT(retention_days) ON TABLE heartguard_core.organizations TO heartguard_influx;


--
-- Name: COLUMN organizations.time_zone; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT UPDATE(time_zone) ON TABLE heartguard_core.organizations TO heartguard_organization;
GRANT SELECT(time_zone) ON TABLE heartguard_core.organizations TO heartguard_influx;


--
-- Name: COLUMN organizations.unknown_measurements; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT UPDATE(unknown_measurements) ON TABLE heartguard_core.organizations TO heartguard_organization;
GRANT SELECT(unknown_measurements) ON TABLE heartguard_core.organizations TO heartguard_influx;


--
-- Name: COLUMN organizations.created_at; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT SELECT(created_at) ON TABLE heartguard_core.organizations TO heartguard_influx;


--
-- Name: COLUMN organizations.deleted_at; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT SELECT(deleted_at) ON TABLE heartguard_core.organizations TO heartguard_auth;
GRANT UPDATE(deleted_at) ON TABLE heartguard_core.organizations TO heartguard_organization;
GRANT SELECT(deleted_at) ON TABLE heartguard_core.organizations TO heartguard_influx;
GRANT SELECT(deleted_at) ON TABLE heartguard_core.organizations TO heartguard_media;


--
-- Name: COLUMN organizations.closed_at; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT UPDATE(closed_at) ON TABLE heartguard_core.organizations TO heartguard_organization;
GRANT SELECT(closed_at) ON TABLE heartguard_core.organizations TO heartguard_auth;
GRANT SELECT(closed_at) ON TABLE heartguard_core.organizations TO heartguard_influx;


--
-- Name: TABLE password_resets; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT SELECT,INSERT,DELETE ON TABLE heartguard_core.password_resets TO heartguard_auth;


--
-- Name: COLUMN password_resets.used_at; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT UPDATE(used_at) ON TABLE heartguard_core.password_resets TO heartguard_auth;


--
-- Name: TABLE point_counts; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE heartguard_core.point_counts TO heartguard_influx;


--
-- Name: TABLE points; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE heartguard_core.points TO heartguard_influx;


--
-- Name: TABLE refresh_tokens; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE heartguard_core.refresh_tokens TO heartguard_auth;


--
-- Name: TABLE restores; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT SELECT ON TABLE heartguard_core.restores TO heartguard_auth;
GRANT SELECT ON TABLE heartguard_core.restores TO heartguard_organization;
GRANT SELECT ON TABLE heartguard_core.restores TO heartguard_user;
GRANT SELECT ON TABLE heartguard_core.restores TO heartguard_media;
GRANT SELECT ON TABLE heartguard_core.restores TO heartguard_influx;
GRANT SELECT ON TABLE heartguard_core.restores TO heartguard_audit;


--
-- Name: TABLE revoked_tokens; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE heartguard_core.revoked_tokens TO heartguard_auth;


--
-- Name: COLUMN revoked_tokens.kind; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT SELECT(kind) ON TABLE heartguard_core.revoked_tokens TO heartguard_organization;
GRANT SELECT(kind) ON TABLE heartguard_core.revoked_tokens TO heartguard_user;
GRANT SELECT(kind) ON TABLE heartguard_core.revoked_tokens TO heartguard_media;
GRANT SELECT(kind) ON TABLE heartguard_core.revoked_tokens TO heartguard_influx;
GRANT SELECT(kind) ON TABLE heartguard_core.revoked_tokens TO heartguard_audit;


--
-- Name: COLUMN revoked_tokens.value; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT SELECT(value) ON TABLE heartguard_core.revoked_tokens TO heartguard_organization;
GRANT SELECT(value) ON TABLE heartguard_core.revoked_tokens TO heartguard_user;
GRANT SELECT(value) ON TABLE heartguard_core.revoked_tokens TO heartguard_media;
GRANT SELECT(value) ON TABLE heartguard_core.revoked_tokens TO heartguard_influx;
GRANT SELECT(value) ON TABLE heartguard_core.revoked_tokens TO heartguard_audit;


--
-- Name: COLUMN revoked_tokens.revoked_at; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT SELECT(revoked_at) ON TABLE heartguard_core.revoked_tokens TO heartguard_organization;
GRANT SELECT(revoked_at) ON TABLE heartguard_core.revoked_tokens TO heartguard_user;
GRANT SELECT(revoked_at) ON TABLE heartguard_core.revoked_tokens TO heartguard_media;
GRANT SELECT(revoked_at) ON TABLE heartguard_core.revoked_tokens TO heartguard_influx;
GRANT SELECT(revoked_at) ON TABLE heartguard_core.revoked_tokens TO heartguard_audit;


--
-- Name: COLUMN revoked_tokens.expires_at; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT SELECT(expires_at) ON TABLE heartguard_core.revoked_tokens TO heartguard_organization;
GRANT SELECT(expires_at) ON TABLE heartguard_core.revoked_tokens TO heartguard_user;
GRANT SELECT(expires_at) ON TABLE heartguard_core.revoked_tokens TO heartguard_media;
GRANT SELECT(expires_at) ON TABLE heartguard_core.revoked_tokens TO heartguard_influx;
GRANT SELECT(expires_at) ON TABLE heartguard_core.revoked_tokens TO heartguard_audit;


--
-- Name: TABLE series; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE heartguard_core.series TO heartguard_influx;


--
-- Name: TABLE sessions; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE heartguard_core.sessions TO heartguard_auth;


--
-- Name: TABLE signing_keys; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE heartguard_core.signing_keys TO heartguard_auth;


--
-- Name: TABLE user_preferences; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE heartguard_core.user_preferences TO heartguard_user;
GRANT SELECT ON TABLE heartguard_core.user_preferences TO heartguard_auth;


--
-- Name: TABLE users; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT SELECT ON TABLE heartguard_core.users TO heartguard_auth;


--
-- Name: COLUMN users.id; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT SELECT(id) ON TABLE heartguard_core.users TO heartguard_user;
GRANT SELECT(id) ON TABLE heartguard_core.users TO heartguard_influx;
GRANT SELECT(id) ON TABLE heartguard_core.users TO heartguard_media;


--
-- Name: COLUMN users.org_id; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT INSERT(org_id) ON TABLE heartguard_core.users TO heartguard_auth;
GRANT SELECT(org_id) ON TABLE heartguard_core.users TO heartguard_user;
GRANT SELECT(org_id) ON TABLE heartguard_core.users TO heartguard_influx;
GRANT SELECT(org_id) ON TABLE heartguard_core.users TO heartguard_media;


--
-- Name: COLUMN users.email; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT INSERT(email),UPDATE(email) ON TABLE heartguard_core.users TO heartguard_auth;
GRANT SELECT(email) ON TABLE heartguard_core.users TO heartguard_user;


--
-- Name: COLUMN users.password_hash; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT INSERT(password_hash),UPDATE(password_hash) ON TABLE heartguard_core.users TO heartguard_auth;


--
-- Name: COLUMN users.full_name; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT INSERT(full_name) ON TABLE heartguard_core.users TO heartguard_auth;
GRANT SELECT(full_name),UPDATE(full_name) ON TABLE heartguard_core.users TO heartguard_user;


--
-- Name: COLUMN users.role; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT INSERT(role),UPDATE(role) ON TABLE heartguard_core.users TO heartguard_auth;
GRANT SELECT(role) ON TABLE heartguard_core.users TO heartguard_user;


--
-- Name: COLUMN users.active; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT UPDATE(active) ON TABLE heartguard_core.users TO heartguard_auth;
GRANT SELECT(active) ON TABLE heartguard_core.users TO heartguard_user;


--
-- Name: COLUMN users.created_at; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT SELECT(created_at) ON TABLE heartguard_core.users TO heartguard_user;


--
-- Name: COLUMN users.updated_at; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT SELECT(updated_at) ON TABLE heartguard_core.users TO heartguard_user;


--
-- Name: COLUMN users.deleted_at; Type: ACL; Schema: heartguard_core; Owner: heartguard_owner
--

GRANT UPDATE(deleted_at) ON TABLE heartguard_core.users TO heartguard_auth;
GRANT SELECT(deleted_at) ON TABLE heartguard_core.users TO heartguard_user;


--
-- PostgreSQL database dump complete
--

\unrestrict heartguard

