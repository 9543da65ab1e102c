--
-- PostgreSQL database dump
--

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
-- Name: delete_archived(integer); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.delete_archived(most integer) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
DECLARE
    tenant uuid := nullif(current_setting('app.tenant_id', true), '')::uuid;
    before timestamptz := now() - interval '30 days';
    ids text[];
    deleted integer;
BEGIN
    ids := ARRAY(
        SELECT services.id FROM services
        WHERE services.tenant_id = tenant AND services.archived_at <= before AND NOT EXISTS (
            SELECT FROM appointments
            WHERE appointments.tenant_id = tenant AND appointments.service_id = services.id)
        ORDER BY services.archived_at LIMIT most);
    DELETE FROM requirement_resources WHERE tenant_id = tenant AND service_id = ANY (ids);
    DELETE FROM requirements WHERE tenant_id = tenant AND service_id = ANY (ids);
    DELETE FROM services WHERE tenant_id = tenant AND id = ANY (ids);
    deleted := cardinality(ids);
    ids := ARRAY(
        SELECT resources.id FROM resources
        WHERE resources.tenant_id = tenant AND resources.archived_at <= before AND NOT EXISTS (
            SELECT FROM appointment_resources AS parts
            WHERE parts.tenant_id = tenant AND parts.resource_id = resources.id)
        AND NOT EXISTS (
            SELECT FROM requirement_resources AS named
            WHERE named.tenant_id = tenant AND named.resource_id = resources.id)
        AND NOT EXISTS (
            SELECT FROM lanes JOIN claims ON claims.lane_id = lanes.id
            WHERE lanes.tenant_id = tenant AND lanes.resource_id = resources.id)
        ORDER BY resources.archived_at LIMIT most - deleted);
    DELETE FROM hours WHERE tenant_id = tenant AND resource_id = ANY (ids);
    DELETE FROM breaks WHERE tenant_id = tenant AND resource_id = ANY (ids);
    DELETE FROM overrides WHERE tenant_id = tenant AND resource_id = ANY (ids);
    DELETE FROM time_off WHERE tenant_id = tenant AND resource_id = ANY (ids);
    DELETE FROM lanes WHERE tenant_id = tenant AND resource_id = ANY (ids);
    DELETE FROM resources WHERE tenant_id = tenant AND id = ANY (ids);
    deleted := deleted + cardinality(ids);
    ids := ARRAY(
        SELECT locations.id FROM locations
        WHERE locations.tenant_id = tenant AND locations.archived_at <= before AND NOT EXISTS (
            SELECT FROM resources
            WHERE resources.tenant_id = tenant AND resources.location_id = locations.id)
        AND NOT EXISTS (
            SELECT FROM appointments
            WHERE appointments.tenant_id = tenant AND appointments.location_id = locations.id)
        ORDER BY locations.archived_at LIMIT most - deleted);
    DELETE FROM locations WHERE tenant_id = tenant AND id = ANY (ids);
    RETURN deleted + cardinality(ids);
END
$$;

--
-- Name: delete_old_events(interval, integer); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.delete_old_events(age interval, most integer) RETURNS bigint
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    WITH oldest AS (
        SELECT tenant_id, seq, occurred_at FROM public.events ORDER BY seq LIMIT most FOR UPDATE SKIP LOCKED
    ), deleted AS (
        DELETE FROM public.events AS event USING oldest
        WHERE event.tenant_id = oldest.tenant_id AND event.seq = oldest.seq
            AND oldest.occurred_at < now() - greatest(age, interval '1 day')
        RETURNING 1
    )
    SELECT count(*) FROM deleted
$$;

--
-- Name: events_head(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.events_head() RETURNS bigint
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$SELECT max(seq) FROM public.events$$;

--
-- Name: events_news(bigint, integer); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.events_news(after bigint, most integer) RETURNS TABLE(tenant_id uuid, seq bigint)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    SELECT tenant_id, max(seq)
    FROM (SELECT tenant_id, seq FROM public.events WHERE seq > after ORDER BY seq LIMIT most) AS news
    GROUP BY tenant_id
$$;

--
-- Name: identity_providers_of(text, text[]); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.identity_providers_of(named text, audiences text[]) RETURNS TABLE(tenant_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    SELECT tenant_id FROM public.identity_providers WHERE issuer = named AND audience = ANY (audiences)
$$;

--
-- Name: invalidate_business_days(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.invalidate_business_days() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
DECLARE
    operation text := nullif(current_setting('app.operation_id', true), '');
BEGIN
    INSERT INTO invalidations (tenant_id, operation_id)
    SELECT DISTINCT changed.tenant_id, operation FROM changed
    WHERE EXISTS (SELECT FROM businesses AS one
                  WHERE one.tenant_id = changed.tenant_id AND one.rules #> '{window,business_days}' IS NOT NULL)
       OR EXISTS (SELECT FROM resources AS one
                  WHERE one.tenant_id = changed.tenant_id AND one.rules #> '{window,business_days}' IS NOT NULL)
       OR EXISTS (SELECT FROM services AS one
                  WHERE one.tenant_id = changed.tenant_id AND one.rules #> '{window,business_days}' IS NOT NULL);
    IF FOUND AND operation IS NULL THEN
        PERFORM pg_notify('holdfast_invalidation', '');
    END IF;
    RETURN NULL;
END
$$;

--
-- Name: invalidate_catalogue(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.invalidate_catalogue() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
DECLARE
    operation text := nullif(current_setting('app.operation_id', true), '');
BEGIN
    INSERT INTO invalidations (tenant_id, operation_id) SELECT DISTINCT changed.tenant_id, operation FROM changed;
    IF FOUND AND operation IS NULL THEN
        PERFORM pg_notify('holdfast_invalidation', '');
    END IF;
    RETURN NULL;
END
$$;

--
-- Name: invalidate_days(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.invalidate_days() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
DECLARE
    operation text := nullif(current_setting('app.operation_id', true), '');
BEGIN
    IF TG_TABLE_NAME = 'claims' THEN
        INSERT INTO invalidations (tenant_id, resource_id, first_day, last_day, operation_id)
        SELECT changed.tenant_id,
               lanes.resource_id,
               (lower(changed.during) AT TIME ZONE 'UTC')::date,
               ((upper(changed.during) - interval '1 minute') AT TIME ZONE 'UTC')::date,
               operation
        FROM changed JOIN lanes ON lanes.id = changed.lane_id;
    ELSE
        INSERT INTO invalidations (tenant_id, resource_id, first_day, last_day, operation_id)
        SELECT changed.tenant_id,
               changed.resource_id,
               (lower(changed.during) AT TIME ZONE 'UTC')::date,
               ((upper(changed.during) - interval '1 minute') AT TIME ZONE 'UTC')::date,
               operation
        FROM changed;
    END IF;
    IF FOUND AND operation IS NULL THEN
        PERFORM pg_notify('holdfast_invalidation', '');
    END IF;
    RETURN NULL;
END
$$;

--
-- Name: link_audit_entries(integer); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.link_audit_entries(most integer) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    entry record;
    business uuid;
    last_number bigint;
    last_hash bytea;
    linked integer := 0;
BEGIN
    IF NOT pg_try_advisory_xact_lock(46533281) THEN
        RETURN 0;
    END IF;
    FOR entry IN
        WITH taken AS (
            DELETE FROM public.audit_queue
            WHERE ctid = ANY (ARRAY(SELECT ctid FROM public.audit_queue LIMIT most))
            RETURNING tenant_id, entry_id
        )
        SELECT entries.* FROM taken
        JOIN public.audit_entries AS entries ON entries.tenant_id = taken.tenant_id AND entries.id = taken.entry_id
        ORDER BY entries.tenant_id, entries.id
    LOOP
        IF entry.tenant_id IS DISTINCT FROM business THEN
            business := entry.tenant_id;
            SELECT number, hash INTO last_number, last_hash FROM public.audit_links
            WHERE tenant_id = business ORDER BY number DESC LIMIT 1;
            IF NOT FOUND THEN
                last_number := 0;
                last_hash := decode(repeat('00', 32), 'hex');
            END IF;
        END IF;
        last_number := last_number + 1;
        last_hash := sha256(last_hash || convert_to(CAST(jsonb_build_array(
            entry.tenant_id, last_number, entry.id, CAST(extract(epoch FROM entry.at) * 1000000 AS bigint),
            entry.actor, entry.action, entry.subject, entry.more_subjects, entry.fields, entry.origin, entry.request_id
        ) AS text), 'UTF8'));
        INSERT INTO public.audit_links (tenant_id, number, entry_id, hash)
        VALUES (business, last_number, entry.id, last_hash);
        linked := linked + 1;
    END LOOP;
    RETURN linked;
END
$$;

--
-- Name: note_approval(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.note_approval() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    PERFORM FROM businesses WHERE tenant_id = coalesce(NEW.tenant_id, OLD.tenant_id) AND mode = 'sandbox' FOR SHARE;
    IF TG_OP <> 'INSERT' THEN
        DELETE FROM due_work WHERE kind = 'approval' AND tenant_id = OLD.tenant_id AND subject = OLD.id;
    END IF;
    IF TG_OP <> 'DELETE' THEN
    INSERT INTO due_work (tenant_id, kind, subject, due_at)
    SELECT appointments.tenant_id, 'approval', appointments.id,
        CASE WHEN businesses.sandbox_now IS NULL THEN coalesce(appointments.approve_by, appointments.starts_at)
            ELSE least(coalesce(appointments.approve_by, appointments.starts_at), now()) END
    FROM appointments JOIN businesses ON businesses.tenant_id = appointments.tenant_id
    WHERE appointments.status = 'pending'
        AND (businesses.sandbox_now IS NULL
            OR coalesce(appointments.approve_by, appointments.starts_at) < businesses.sandbox_now)
        AND appointments.tenant_id = NEW.tenant_id AND appointments.id = NEW.id;
    END IF;
    RETURN NULL;
END
$$;

--
-- Name: note_archived(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.note_archived() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    INSERT INTO due_work (tenant_id, kind, subject, due_at)
    SELECT tenant_id, 'archived', CAST(day AS text), to_timestamp((day + 31) * 86400)
    FROM (SELECT DISTINCT tenant_id, CAST(floor(extract(epoch FROM archived_at) / 86400) AS bigint) AS day FROM changed WHERE archived_at IS NOT NULL) AS archived
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$;

--
-- Name: note_business(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.note_business() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
        BEGIN
            INSERT INTO standings (tenant_id, created_at) VALUES (NEW.tenant_id, NEW.created_at)
            ON CONFLICT DO NOTHING;
            RETURN NULL;
        END
        $$;

--
-- Name: note_idempotency_key(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.note_idempotency_key() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
DECLARE
    hour bigint := CAST(floor(extract(epoch FROM NEW.created_at) / 3600) AS bigint);
BEGIN
    INSERT INTO due_work (tenant_id, kind, subject, due_at)
    VALUES (NEW.tenant_id, 'idempotency', CAST(hour AS text), to_timestamp((hour + 25) * 3600))
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$;

--
-- Name: note_plain_data(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.note_plain_data() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    INSERT INTO due_work (tenant_id, kind, subject, due_at) VALUES (NEW.tenant_id, 'plain_data', NEW.id, now())
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$;

--
-- Name: note_sandbox_clock(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.note_sandbox_clock() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    DELETE FROM due_work WHERE kind = 'approval' AND tenant_id = NEW.tenant_id;
    INSERT INTO due_work (tenant_id, kind, subject, due_at)
    SELECT appointments.tenant_id, 'approval', appointments.id,
        CASE WHEN businesses.sandbox_now IS NULL THEN coalesce(appointments.approve_by, appointments.starts_at)
            ELSE least(coalesce(appointments.approve_by, appointments.starts_at), now()) END
    FROM appointments JOIN businesses ON businesses.tenant_id = appointments.tenant_id
    WHERE appointments.status = 'pending'
        AND (businesses.sandbox_now IS NULL
            OR coalesce(appointments.approve_by, appointments.starts_at) < businesses.sandbox_now)
        AND appointments.tenant_id = NEW.tenant_id;
    RETURN NULL;
END
$$;

--
-- Name: outbox_oldest(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.outbox_oldest() RETURNS timestamp with time zone
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$SELECT created_at FROM public.outbox ORDER BY id LIMIT 1$$;

--
-- Name: personal_key_follows_customer(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.personal_key_follows_customer() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    UPDATE personal_keys SET customer_id = NEW.customer_id WHERE tenant_id = NEW.tenant_id AND subject = NEW.id;
    RETURN NULL;
END
$$;

--
-- Name: refuse_change_of_audit_log(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.refuse_change_of_audit_log() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is only ever added to: % of % is refused', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END
$$;

--
-- Name: relay_events(integer); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.relay_events(most integer) RETURNS TABLE(seq bigint, tenant_id uuid, id text, type text, subject text)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
#variable_conflict use_column
BEGIN
    IF NOT pg_try_advisory_xact_lock(46533280) THEN
        RETURN;
    END IF;
    RETURN QUERY
    WITH taken AS (
        DELETE FROM public.outbox
        WHERE (tenant_id, id) IN (SELECT tenant_id, id FROM public.outbox ORDER BY id LIMIT most)
        RETURNING *
    ), moved AS (
        INSERT INTO public.events (tenant_id, id, type, version, subject, data, actor, request_id, occurred_at)
        SELECT
            tenant_id,
            -- Sorts by time; the rest cannot be guessed, nor comes again after a restore.
            'evt_' || lpad(to_hex(CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint)), 12, '0')
                || right(replace(CAST(gen_random_uuid() AS text), '-', ''), 14),
            CASE
                WHEN name = 'appointment.booked.v1' THEN 'appointment.' || coalesce(data ->> 'status', 'confirmed')
                WHEN name IN ('time_off.added.v1', 'time_off.removed.v1') THEN 'catalogue.changed'
                ELSE regexp_replace(name, '\.v[0-9]+$', '')
            END,
            CAST(coalesce(substring(name FROM '\.v([0-9]{1,4})$'), '1') AS smallint),
            CASE WHEN name IN ('time_off.added.v1', 'time_off.removed.v1')
                THEN CAST(tenant_id AS text) ELSE subject END,
            CASE WHEN name IN ('time_off.added.v1', 'time_off.removed.v1')
                THEN jsonb_build_object('changes', jsonb_build_array(jsonb_build_object(
                    'action', 'change', 'kind', 'resource', 'id', data -> 'resource', 'key', NULL,
                    'fields', jsonb_build_array('time_off'))))
                ELSE data
            END,
            actor,
            request_id,
            created_at
        FROM taken ORDER BY taken.id
        RETURNING seq, tenant_id, id, type, subject
    )
    SELECT moved.seq, moved.tenant_id, moved.id, moved.type, moved.subject FROM moved ORDER BY moved.seq;
END
$_$;

--
-- Name: remove_rows_of_business(uuid, integer); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.remove_rows_of_business(tenant uuid, most integer) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $_$
DECLARE
    named record;
    condition text;
    removed integer;
BEGIN
    IF NOT EXISTS (SELECT FROM standings WHERE tenant_id = tenant AND deleted_at IS NOT NULL) THEN
        RAISE EXCEPTION 'the business % was not deleted', tenant USING ERRCODE = 'restrict_violation';
    END IF;
    PERFORM set_config('app.tenant_id', tenant::text, true);
    FOR named IN
        WITH RECURSIVE references_of (child, parent) AS (
            SELECT DISTINCT conrelid, confrelid FROM pg_constraint WHERE contype = 'f' AND conrelid <> confrelid
        ), above (child, height) AS (
            SELECT oid, 0 FROM pg_class
            UNION ALL
            SELECT references_of.child, above.height + 1
            FROM above JOIN references_of ON references_of.parent = above.child
        )
        SELECT tables.relname, max(above.height) AS height
        FROM pg_class AS tables
        JOIN pg_attribute AS columns ON columns.attrelid = tables.oid AND columns.attname = 'tenant_id'
        JOIN above ON above.child = tables.oid
        WHERE tables.relkind = 'r' AND tables.relnamespace = 'public'::regnamespace AND NOT columns.attisdropped
            AND tables.relname <> ALL (ARRAY['audit_entries', 'audit_links', 'audit_queue', 'standings'])
        GROUP BY tables.oid, tables.relname, tables.relrowsecurity
        ORDER BY height DESC, tables.relrowsecurity DESC, tables.relname
    LOOP
        condition := CASE named.relname WHEN 'tasks' THEN ' AND kind <> ''businesses.delete''' ELSE '' END;
        EXECUTE format(
            'DELETE FROM %I WHERE tenant_id = $1 AND ctid = ANY (ARRAY('
            'SELECT ctid FROM %I WHERE tenant_id = $1%s LIMIT $2))', named.relname, named.relname, condition
        ) USING tenant, most;
        GET DIAGNOSTICS removed = ROW_COUNT;
        IF removed > 0 THEN
            RETURN removed;
        END IF;
    END LOOP;
    RETURN 0;
END
$_$;

--
-- Name: users_of(bytea[]); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.users_of(digests bytea[]) RETURNS TABLE(tenant_id uuid, id text)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    SELECT tenant_id, id FROM public.users WHERE email_digest = ANY (digests) ORDER BY tenant_id
$$;

--
-- Name: webhook_endpoints_of(uuid[]); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.webhook_endpoints_of(businesses uuid[]) RETURNS TABLE(tenant_id uuid, id text)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    SELECT tenant_id, id FROM public.webhook_endpoints WHERE tenant_id = ANY (businesses)
$$;

SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: api_keys; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.api_keys (
    id text NOT NULL,
    tenant_id uuid NOT NULL,
    kind text NOT NULL,
    digest bytea NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    revoked_at timestamp with time zone,
    name text,
    expires_at timestamp with time zone,
    last_used_at timestamp with time zone,
    CONSTRAINT api_keys_kind_check CHECK ((kind = ANY (ARRAY['secret'::text, 'publishable'::text])))
);

--
-- Name: COLUMN api_keys.kind; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.api_keys.kind IS 'secret or publishable';

--
-- Name: COLUMN api_keys.digest; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.api_keys.digest IS 'SHA-256 of the key; the key itself is not kept';

--
-- Name: COLUMN api_keys.name; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.api_keys.name IS 'chosen by the business; null: none';

--
-- Name: COLUMN api_keys.expires_at; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.api_keys.expires_at IS 'set by a rotation: it opens nothing from then on';

--
-- Name: COLUMN api_keys.last_used_at; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.api_keys.last_used_at IS 'to the hour; null: never, or by older programs';

--
-- Name: appointment_resources; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.appointment_resources (
    tenant_id uuid NOT NULL,
    appointment_id text NOT NULL,
    "position" integer NOT NULL,
    role text NOT NULL,
    resource_id text NOT NULL,
    starts_at timestamp with time zone NOT NULL,
    ends_at timestamp with time zone NOT NULL,
    assigned_at timestamp with time zone NOT NULL,
    lanes integer
);

ALTER TABLE ONLY public.appointment_resources FORCE ROW LEVEL SECURITY;

--
-- Name: COLUMN appointment_resources.starts_at; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.appointment_resources.starts_at IS 'without buffers';

--
-- Name: COLUMN appointment_resources.ends_at; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.appointment_resources.ends_at IS 'without buffers';

--
-- Name: COLUMN appointment_resources.assigned_at; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.appointment_resources.assigned_at IS 'when the resource was given the visit';

--
-- Name: COLUMN appointment_resources.lanes; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.appointment_resources.lanes IS 'lanes taken of the resource; null: one for each of the party';

--
-- Name: appointments; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.appointments (
    tenant_id uuid NOT NULL,
    id text NOT NULL,
    hold_id text NOT NULL,
    service_id text NOT NULL,
    customer_id text NOT NULL,
    customer jsonb NOT NULL,
    status text NOT NULL,
    starts_at timestamp with time zone NOT NULL,
    ends_at timestamp with time zone NOT NULL,
    timezone text NOT NULL,
    party integer NOT NULL,
    price_minor bigint NOT NULL,
    price_currency text NOT NULL,
    policy jsonb NOT NULL,
    notes text,
    metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
    times_rescheduled integer DEFAULT 0 NOT NULL,
    cancelled_at timestamp with time zone,
    cancel_reason text,
    fee_minor bigint,
    version integer DEFAULT 1 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    approve_by timestamp with time zone,
    details_digest text,
    cancelled_by text,
    finished_at timestamp with time zone,
    freed jsonb,
    kept_fee_minor bigint,
    fee_start timestamp with time zone,
    overrides jsonb,
    choices jsonb,
    answers jsonb,
    location_id text,
    led_to jsonb,
    personal bytea,
    is_proved boolean DEFAULT false NOT NULL,
    client text,
    CONSTRAINT appointments_span_check CHECK (((starts_at < ends_at) AND (party >= 1))),
    CONSTRAINT appointments_status_check CHECK ((status = ANY (ARRAY['pending'::text, 'confirmed'::text, 'cancelled'::text, 'completed'::text, 'no_show'::text])))
);

ALTER TABLE ONLY public.appointments FORCE ROW LEVEL SECURITY;

--
-- Name: COLUMN appointments.hold_id; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.appointments.hold_id IS 'the hold it was made from: one hold makes one appointment';

--
-- Name: COLUMN appointments.customer; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.appointments.customer IS 'name, email, phone, timezone as given at booking';

--
-- Name: COLUMN appointments.timezone; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.appointments.timezone IS 'of the location, IANA name';

--
-- Name: COLUMN appointments.policy; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.appointments.policy IS 'cancellation and reschedule rules in force when it was booked';

--
-- Name: COLUMN appointments.fee_minor; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.appointments.fee_minor IS 'what the cancellation or no-show costs, in the price''s currency';

--
-- Name: COLUMN appointments.approve_by; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.appointments.approve_by IS 'a pending one ends after this; null on one that an older program wrote: its start';

--
-- Name: COLUMN appointments.details_digest; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.appointments.details_digest IS 'SHA-256 of customer, notes and metadata as they were sent; null: an older program wrote it';

--
-- Name: COLUMN appointments.cancelled_by; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.appointments.cancelled_by IS 'business, customer or system; null: it is not cancelled, or an older program cancelled it';

--
-- Name: COLUMN appointments.finished_at; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.appointments.finished_at IS 'when it was completed or missed; null: it was neither, or an older program wrote it';

--
-- Name: COLUMN appointments.freed; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.appointments.freed IS 'claims that it gave up when it ended early: lane_id, starts_at, ends_at; null: none';

--
-- Name: COLUMN appointments.kept_fee_minor; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.appointments.kept_fee_minor IS 'least cost of a cancellation by its customer, who moved it when it already cost that; null: none';

--
-- Name: COLUMN appointments.fee_start; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.appointments.fee_start IS 'start from which cancellation fees count back; null: starts_at';

--
-- Name: COLUMN appointments.overrides; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.appointments.overrides IS 'rules that the business waived for its time; null: none';

--
-- Name: COLUMN appointments.choices; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.appointments.choices IS 'length and add-ons that were chosen; null: none';

--
-- Name: COLUMN appointments.answers; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.appointments.answers IS 'to the questions of the service, by key; null: none';

--
-- Name: COLUMN appointments.location_id; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.appointments.location_id IS 'null: that of the first resource';

--
-- Name: COLUMN appointments.led_to; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.appointments.led_to IS 'ids of the resources that answers led to; null: any';

--
-- Name: COLUMN appointments.personal; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.appointments.personal IS 'what is personal, sealed by its personal key; null: in plain text';

--
-- Name: COLUMN appointments.is_proved; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.appointments.is_proved IS 'its customer has proved the address that tells them apart, or the business booked it';

--
-- Name: COLUMN appointments.client; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.appointments.client IS 'keyed digest of the client that booked it; null: it named none';

--
-- Name: audit_entries; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.audit_entries (
    tenant_id uuid NOT NULL,
    id text NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL,
    actor text NOT NULL,
    action text NOT NULL,
    subject text NOT NULL,
    more_subjects text[],
    fields text[],
    origin text,
    request_id text
);

ALTER TABLE ONLY public.audit_entries FORCE ROW LEVEL SECURITY;

--
-- Name: COLUMN audit_entries.id; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.audit_entries.id IS 'aud_…; later ones sort after earlier ones';

--
-- Name: COLUMN audit_entries.at; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.audit_entries.at IS 'by the clock of the database';

--
-- Name: COLUMN audit_entries.actor; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.audit_entries.actor IS 'who acted, such as business:key_…';

--
-- Name: COLUMN audit_entries.action; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.audit_entries.action IS 'operation of the API, or of a loop or a command';

--
-- Name: COLUMN audit_entries.subject; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.audit_entries.subject IS 'the id of what it was done to';

--
-- Name: COLUMN audit_entries.more_subjects; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.audit_entries.more_subjects IS 'of a list that was read; null: none';

--
-- Name: COLUMN audit_entries.fields; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.audit_entries.fields IS 'names of what was changed or read; null: all, or none';

--
-- Name: COLUMN audit_entries.origin; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.audit_entries.origin IS 'network of the business''s caller; null: unknown, or somebody else''s';

--
-- Name: COLUMN audit_entries.request_id; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.audit_entries.request_id IS 'of the HTTP request; null: there was none';

--
-- Name: audit_links; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.audit_links (
    tenant_id uuid NOT NULL,
    number bigint NOT NULL,
    entry_id text NOT NULL,
    hash bytea NOT NULL
);

ALTER TABLE ONLY public.audit_links FORCE ROW LEVEL SECURITY;

--
-- Name: COLUMN audit_links.number; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.audit_links.number IS 'from 1 on, without a gap';

--
-- Name: COLUMN audit_links.hash; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.audit_links.hash IS 'SHA-256 of the hash before it and of the entry (audit.model); before the first: 32 zero bytes';

--
-- Name: audit_queue; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.audit_queue (
    tenant_id uuid NOT NULL,
    entry_id text NOT NULL
)
WITH (autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_threshold='2000', autovacuum_vacuum_cost_delay='0', autovacuum_analyze_scale_factor='0', autovacuum_analyze_threshold='20000');

ALTER TABLE ONLY public.audit_queue FORCE ROW LEVEL SECURITY;

--
-- Name: COLUMN audit_queue.entry_id; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.audit_queue.entry_id IS 'that has no link yet';

--
-- Name: breaks; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.breaks (
    tenant_id uuid NOT NULL,
    resource_id text NOT NULL,
    "position" integer NOT NULL,
    days text NOT NULL,
    start_minute smallint NOT NULL,
    end_minute smallint NOT NULL,
    valid_from date,
    valid_until date,
    every_weeks smallint DEFAULT 1 NOT NULL,
    starting date,
    nth smallint,
    CONSTRAINT breaks_span_check CHECK (((start_minute >= 0) AND (start_minute < 1440) AND (end_minute > start_minute) AND (end_minute <= (start_minute + 1440))))
);

ALTER TABLE ONLY public.breaks FORCE ROW LEVEL SECURITY;

--
-- Name: COLUMN breaks."position"; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.breaks."position" IS 'place in the document';

--
-- Name: COLUMN breaks.days; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.breaks.days IS 'such as mon,tue';

--
-- Name: COLUMN breaks.start_minute; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.breaks.start_minute IS 'wall-clock minutes since local midnight';

--
-- Name: COLUMN breaks.end_minute; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.breaks.end_minute IS 'past 1440: on the next date';

--
-- Name: COLUMN breaks.valid_until; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.breaks.valid_until IS 'inclusive';

--
-- Name: COLUMN breaks.every_weeks; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.breaks.every_weeks IS 'in the first of so many weeks';

--
-- Name: COLUMN breaks.starting; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.breaks.starting IS 'first date of the first week';

--
-- Name: COLUMN breaks.nth; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.breaks.nth IS 'of the days in a month; -1: the last; null: all';

--
-- Name: business_keys; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.business_keys (
    tenant_id uuid NOT NULL,
    number integer NOT NULL,
    key_id text NOT NULL,
    sealed bytea NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

ALTER TABLE ONLY public.business_keys FORCE ROW LEVEL SECURITY;

--
-- Name: COLUMN business_keys.number; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.business_keys.number IS 'the highest one seals, all of them open';

--
-- Name: COLUMN business_keys.key_id; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.business_keys.key_id IS 'of the master key that sealed it';

--
-- Name: COLUMN business_keys.sealed; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.business_keys.sealed IS 'the key, and that of the blind index';

--
-- Name: businesses; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.businesses (
    tenant_id uuid NOT NULL,
    name text NOT NULL,
    timezone text NOT NULL,
    currency text NOT NULL,
    mode text NOT NULL,
    rules jsonb DEFAULT '{}'::jsonb NOT NULL,
    token_secret bytea NOT NULL,
    version integer DEFAULT 1 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    sandbox_now timestamp with time zone,
    closures jsonb DEFAULT '[]'::jsonb NOT NULL,
    questions jsonb DEFAULT '[]'::jsonb NOT NULL,
    routes jsonb DEFAULT '[]'::jsonb NOT NULL,
    retention_days integer,
    allowed_origins jsonb DEFAULT '["*"]'::jsonb NOT NULL,
    token_secret_id text,
    previous_token_secret_id text,
    previous_tokens_until timestamp with time zone,
    notifications jsonb DEFAULT '{}'::jsonb NOT NULL,
    CONSTRAINT businesses_mode_check CHECK ((mode = ANY (ARRAY['live'::text, 'sandbox'::text]))),
    CONSTRAINT businesses_sandbox_now_check CHECK (((sandbox_now IS NULL) OR (mode = 'sandbox'::text)))
);

ALTER TABLE ONLY public.businesses FORCE ROW LEVEL SECURITY;

--
-- Name: COLUMN businesses.timezone; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.businesses.timezone IS 'IANA name';

--
-- Name: COLUMN businesses.currency; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.businesses.currency IS 'ISO 4217';

--
-- Name: COLUMN businesses.mode; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.businesses.mode IS 'live or sandbox';

--
-- Name: COLUMN businesses.token_secret; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.businesses.token_secret IS 'signs the tokens of appointments';

--
-- Name: COLUMN businesses.sandbox_now; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.businesses.sandbox_now IS 'where a sandbox''s own clock stands; null: the real time';

--
-- Name: COLUMN businesses.closures; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.businesses.closures IS '[{name, from, until, yearly}, …]; both dates inclusive';

--
-- Name: COLUMN businesses.questions; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.businesses.questions IS '[{key, label, type, options, required}, …]';

--
-- Name: COLUMN businesses.routes; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.businesses.routes IS '[{if: [[question, [answer, …]], …], service, resources: [id, …], duration_minutes}, …]';

--
-- Name: COLUMN businesses.retention_days; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.businesses.retention_days IS 'customers are erased so long after their last visit; null: never';

--
-- Name: COLUMN businesses.allowed_origins; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.businesses.allowed_origins IS 'origins whose pages may call the API; "*": all';

--
-- Name: COLUMN businesses.token_secret_id; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.businesses.token_secret_id IS 'of the secret that signs tokens; null: token_secret';

--
-- Name: COLUMN businesses.previous_token_secret_id; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.businesses.previous_token_secret_id IS 'of the secret that signed before; null: token_secret';

--
-- Name: COLUMN businesses.previous_tokens_until; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.businesses.previous_tokens_until IS 'tokens of the secret before work until then; null: none was rotated';

--
-- Name: COLUMN businesses.notifications; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.businesses.notifications IS 'who is told what; what is absent is as by default';

--
-- Name: claims; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.claims (
    tenant_id uuid NOT NULL,
    appointment_id text NOT NULL,
    lane_id bigint NOT NULL,
    during tstzrange NOT NULL,
    session_lane_id bigint,
    session inet,
    CONSTRAINT claims_during_check CHECK (((NOT isempty(during)) AND lower_inc(during) AND (NOT upper_inc(during)) AND (NOT lower_inf(during)) AND (NOT upper_inf(during)) AND ((EXTRACT(epoch FROM lower(during)) % (60)::numeric) = (0)::numeric) AND ((EXTRACT(epoch FROM upper(during)) % (60)::numeric) = (0)::numeric) AND (lower(during) >= '2000-01-01 00:00:00+00'::timestamp with time zone) AND (upper(during) < '2201-01-01 00:00:00+00'::timestamp with time zone) AND ((upper(during) - lower(during)) <= '62 days'::interval))),
    CONSTRAINT claims_session_check CHECK (((session IS NULL) = (session_lane_id IS NULL)))
);

ALTER TABLE ONLY public.claims FORCE ROW LEVEL SECURITY;

--
-- Name: COLUMN claims.during; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.claims.during IS 'with the buffers';

--
-- Name: COLUMN claims.session_lane_id; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.claims.session_lane_id IS 'first lane of an exclusive resource';

--
-- Name: COLUMN claims.session; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.claims.session IS 'digest of the service and start of its session';

--
-- Name: consents; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.consents (
    tenant_id uuid NOT NULL,
    customer_id text NOT NULL,
    purpose text NOT NULL,
    number integer NOT NULL,
    granted boolean NOT NULL,
    source text NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL
);

ALTER TABLE ONLY public.consents FORCE ROW LEVEL SECURITY;

--
-- Name: COLUMN consents.purpose; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.consents.purpose IS 'a name of the business''s own, such as reminders';

--
-- Name: COLUMN consents.number; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.consents.number IS 'the highest one is in force';

--
-- Name: COLUMN consents.source; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.consents.source IS 'where it was said: a name of the business''s own';

--
-- Name: customers; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.customers (
    tenant_id uuid NOT NULL,
    id text NOT NULL,
    identity text,
    name text NOT NULL,
    email text,
    phone text,
    timezone text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    personal bytea,
    version integer DEFAULT 1 NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    number_index text,
    merged_into text,
    erased_at timestamp with time zone
);

ALTER TABLE ONLY public.customers FORCE ROW LEVEL SECURITY;

--
-- Name: COLUMN customers.identity; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.customers.identity IS 'what tells customers apart: the e-mail address, else the telephone number';

--
-- Name: COLUMN customers.timezone; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.customers.timezone IS 'IANA name';

--
-- Name: COLUMN customers.personal; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.customers.personal IS 'what is personal, sealed by its personal key; null: in plain text';

--
-- Name: COLUMN customers.number_index; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.customers.number_index IS 'the telephone number, in the form of identity; null: none, or not known';

--
-- Name: COLUMN customers.merged_into; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.customers.merged_into IS 'the customer who the same person is; null: none';

--
-- Name: COLUMN customers.erased_at; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.customers.erased_at IS 'null: not erased';

--
-- Name: due_work; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.due_work (
    tenant_id uuid NOT NULL,
    kind text NOT NULL,
    subject text NOT NULL,
    due_at timestamp with time zone NOT NULL
);

--
-- Name: COLUMN due_work.kind; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.due_work.kind IS 'approval, idempotency, archived or plain_data';

--
-- Name: COLUMN due_work.subject; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.due_work.subject IS 'an appointment, an hour since 1970 in which keys were sent, a day since 1970 on which objects were archived, or a row with personal data in plain text';

--
-- Name: COLUMN due_work.due_at; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.due_work.due_at IS 'by the real time';

--
-- Name: erasures; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.erasures (
    tenant_id uuid NOT NULL,
    customer_id text NOT NULL,
    requested_at timestamp with time zone DEFAULT now() NOT NULL,
    finished_at timestamp with time zone
);

ALTER TABLE ONLY public.erasures FORCE ROW LEVEL SECURITY;

--
-- Name: COLUMN erasures.finished_at; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.erasures.finished_at IS 'null: it is under way, or was interrupted';

--
-- Name: events; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.events (
    tenant_id uuid NOT NULL,
    seq bigint NOT NULL,
    id text NOT NULL,
    type text NOT NULL,
    version smallint NOT NULL,
    subject text NOT NULL,
    data jsonb NOT NULL,
    actor text,
    request_id text,
    occurred_at timestamp with time zone NOT NULL
)
WITH (autovacuum_vacuum_scale_factor='0.02', autovacuum_vacuum_insert_scale_factor='0.05');

ALTER TABLE ONLY public.events FORCE ROW LEVEL SECURITY;

--
-- Name: COLUMN events.seq; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.events.seq IS 'given by the relay, so that a lower one never appears after a higher one';

--
-- Name: COLUMN events.id; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.events.id IS 'evt_…; the cursor of the feed';

--
-- Name: COLUMN events.type; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.events.type IS 'such as appointment.confirmed';

--
-- Name: COLUMN events.version; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.events.version IS 'of the type';

--
-- Name: COLUMN events.subject; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.events.subject IS 'the id of what it happened to';

--
-- Name: COLUMN events.actor; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.events.actor IS 'who acted, such as customer:key_…; null: an older program wrote it';

--
-- Name: COLUMN events.request_id; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.events.request_id IS 'of the HTTP request; null: there was none';

--
-- Name: COLUMN events.occurred_at; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.events.occurred_at IS 'by the clock of the database';

--
-- Name: events_seq_seq; Type: SEQUENCE; Schema: public; Owner: -
--

ALTER TABLE public.events ALTER COLUMN seq ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.events_seq_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

--
-- Name: hours; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.hours (
    tenant_id uuid NOT NULL,
    resource_id text NOT NULL,
    "position" integer NOT NULL,
    days text NOT NULL,
    start_minute smallint NOT NULL,
    end_minute smallint NOT NULL,
    valid_from date,
    valid_until date,
    every_weeks smallint DEFAULT 1 NOT NULL,
    starting date,
    nth smallint,
    CONSTRAINT hours_span_check CHECK (((start_minute >= 0) AND (start_minute < 1440) AND (end_minute > start_minute) AND (end_minute <= (start_minute + 1440))))
);

ALTER TABLE ONLY public.hours FORCE ROW LEVEL SECURITY;

--
-- Name: COLUMN hours."position"; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.hours."position" IS 'place in the document';

--
-- Name: COLUMN hours.days; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.hours.days IS 'such as mon,tue';

--
-- Name: COLUMN hours.start_minute; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.hours.start_minute IS 'wall-clock minutes since local midnight';

--
-- Name: COLUMN hours.end_minute; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.hours.end_minute IS 'past 1440: on the next date';

--
-- Name: COLUMN hours.valid_until; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.hours.valid_until IS 'inclusive';

--
-- Name: COLUMN hours.every_weeks; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.hours.every_weeks IS 'in the first of so many weeks';

--
-- Name: COLUMN hours.starting; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.hours.starting IS 'first date of the first week';

--
-- Name: COLUMN hours.nth; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.hours.nth IS 'of the days in a month; -1: the last; null: all';

--
-- Name: idempotency_keys; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.idempotency_keys (
    tenant_id uuid NOT NULL,
    key text NOT NULL,
    request_digest bytea NOT NULL,
    status integer,
    body bytea,
    etag text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    attempt text,
    sealed bytea,
    subject text
);

ALTER TABLE ONLY public.idempotency_keys FORCE ROW LEVEL SECURITY;

--
-- Name: COLUMN idempotency_keys.key; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.idempotency_keys.key IS 'digest of the credential and the key that it sent';

--
-- Name: COLUMN idempotency_keys.request_digest; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.idempotency_keys.request_digest IS 'digest of method, path, query, kind of caller, appointment and body: keyed by the master key, if there is one';

--
-- Name: COLUMN idempotency_keys.status; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.idempotency_keys.status IS 'HTTP status of the answer; null: still running';

--
-- Name: COLUMN idempotency_keys.body; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.idempotency_keys.body IS 'the answer as it was sent';

--
-- Name: COLUMN idempotency_keys.attempt; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.idempotency_keys.attempt IS 'name of the request while the key is taken; null: an older program wrote it';

--
-- Name: COLUMN idempotency_keys.sealed; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.idempotency_keys.sealed IS 'status and body, sealed';

--
-- Name: COLUMN idempotency_keys.subject; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.idempotency_keys.subject IS 'whose personal key sealed the answer; null: the business''s key did';

--
-- Name: identity_providers; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.identity_providers (
    tenant_id uuid NOT NULL,
    issuer text NOT NULL,
    audience text NOT NULL,
    jwks_url text,
    public_keys jsonb,
    role_claim text,
    resource_claim text,
    customer_claim text,
    fetched_keys jsonb,
    fetched_at timestamp with time zone,
    fetch_tried_at timestamp with time zone,
    version integer DEFAULT 1 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL
);

ALTER TABLE ONLY public.identity_providers FORCE ROW LEVEL SECURITY;

--
-- Name: COLUMN identity_providers.jwks_url; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.identity_providers.jwks_url IS 'null: public_keys';

--
-- Name: COLUMN identity_providers.public_keys; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.identity_providers.public_keys IS 'JSON web keys; null: those of jwks_url';

--
-- Name: COLUMN identity_providers.role_claim; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.identity_providers.role_claim IS 'name of a claim, as are the next two; null: none';

--
-- Name: COLUMN identity_providers.fetched_keys; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.identity_providers.fetched_keys IS 'as jwks_url has last told them';

--
-- Name: COLUMN identity_providers.fetched_at; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.identity_providers.fetched_at IS 'of fetched_keys';

--
-- Name: COLUMN identity_providers.fetch_tried_at; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.identity_providers.fetch_tried_at IS 'of the last try, which may have failed';

--
-- Name: invalidations; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.invalidations (
    id bigint NOT NULL,
    tenant_id uuid NOT NULL,
    resource_id text,
    first_day date,
    last_day date,
    operation_id text,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

--
-- Name: COLUMN invalidations.resource_id; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.invalidations.resource_id IS 'null: the catalogue of the business changed';

--
-- Name: COLUMN invalidations.first_day; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.invalidations.first_day IS 'UTC; null with resource_id';

--
-- Name: COLUMN invalidations.last_day; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.invalidations.last_day IS 'UTC, inclusive; null with resource_id';

--
-- Name: COLUMN invalidations.operation_id; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.invalidations.operation_id IS 'the engine''s write that made it; null: another writer';

--
-- Name: invalidations_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

ALTER TABLE public.invalidations ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.invalidations_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

--
-- Name: key_canaries; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.key_canaries (
    key_id text NOT NULL,
    sealed bytea NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

--
-- Name: COLUMN key_canaries.key_id; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.key_canaries.key_id IS 'of a master key that has sealed something';

--
-- Name: lanes; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.lanes (
    tenant_id uuid NOT NULL,
    id bigint NOT NULL,
    resource_id text NOT NULL,
    number integer NOT NULL,
    CONSTRAINT lanes_number_check CHECK ((number >= 1))
);

ALTER TABLE ONLY public.lanes FORCE ROW LEVEL SECURITY;

--
-- Name: COLUMN lanes.id; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.lanes.id IS 'what the exclusion constraint compares';

--
-- Name: COLUMN lanes.number; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.lanes.number IS '1 to the largest capacity the resource ever had';

--
-- Name: lanes_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

ALTER TABLE public.lanes ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.lanes_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

--
-- Name: locations; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.locations (
    tenant_id uuid NOT NULL,
    id text NOT NULL,
    key text NOT NULL,
    "position" integer NOT NULL,
    name text NOT NULL,
    timezone text NOT NULL,
    version integer DEFAULT 1 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    archived_at timestamp with time zone,
    address text,
    closures jsonb DEFAULT '[]'::jsonb NOT NULL,
    country text,
    phone text
);

ALTER TABLE ONLY public.locations FORCE ROW LEVEL SECURITY;

--
-- Name: COLUMN locations."position"; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.locations."position" IS 'place in the document';

--
-- Name: COLUMN locations.timezone; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.locations.timezone IS 'IANA name';

--
-- Name: COLUMN locations.address; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.locations.address IS 'for visitors; null: none is shown';

--
-- Name: COLUMN locations.closures; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.locations.closures IS '[{name, from, until, yearly}, …]; both dates inclusive';

--
-- Name: COLUMN locations.country; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.locations.country IS 'ISO 3166; null: that of the zone';

--
-- Name: COLUMN locations.phone; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.locations.phone IS 'for customers; null: none is told';

--
-- Name: notification_channels; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.notification_channels (
    tenant_id uuid NOT NULL,
    channel text NOT NULL,
    secret_id text NOT NULL,
    version integer DEFAULT 1 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL
);

ALTER TABLE ONLY public.notification_channels FORCE ROW LEVEL SECURITY;

--
-- Name: COLUMN notification_channels.channel; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.notification_channels.channel IS 'email, sms, push or http';

--
-- Name: COLUMN notification_channels.secret_id; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.notification_channels.secret_id IS 'seals all of its settings';

--
-- Name: notifications; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.notifications (
    tenant_id uuid NOT NULL,
    id text NOT NULL,
    kind text NOT NULL,
    audience text NOT NULL,
    recipient_kind text NOT NULL,
    recipient_id text NOT NULL,
    channel text NOT NULL,
    appointment_id text,
    appointment_version integer,
    visit_start timestamp with time zone,
    event_id text,
    event_seq bigint,
    rule text,
    dedupe text NOT NULL,
    due_at timestamp with time zone NOT NULL,
    status text NOT NULL,
    reason text,
    attempt integer DEFAULT 0 NOT NULL,
    reference text,
    resent_of text,
    sent_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL
);

ALTER TABLE ONLY public.notifications FORCE ROW LEVEL SECURITY;

--
-- Name: COLUMN notifications.kind; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.notifications.kind IS 'such as confirmed or reminder';

--
-- Name: COLUMN notifications.audience; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.notifications.audience IS 'customer, staff or owner';

--
-- Name: COLUMN notifications.recipient_kind; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.notifications.recipient_kind IS 'customer or user';

--
-- Name: COLUMN notifications.channel; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.notifications.channel IS 'email, sms, push or http';

--
-- Name: COLUMN notifications.appointment_id; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.notifications.appointment_id IS 'null: it is about none';

--
-- Name: COLUMN notifications.appointment_version; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.notifications.appointment_version IS 'as it was planned for';

--
-- Name: COLUMN notifications.visit_start; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.notifications.visit_start IS 'as it was planned for';

--
-- Name: COLUMN notifications.event_id; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.notifications.event_id IS 'the first event that it tells of; null: a reminder, or sent again';

--
-- Name: COLUMN notifications.event_seq; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.notifications.event_seq IS 'of the last event that it tells of';

--
-- Name: COLUMN notifications.rule; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.notifications.rule IS 'such as reminder:1440; null: a notice';

--
-- Name: COLUMN notifications.dedupe; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.notifications.dedupe IS 'what there is one message of';

--
-- Name: COLUMN notifications.due_at; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.notifications.due_at IS 'of the next attempt, while planned';

--
-- Name: COLUMN notifications.status; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.notifications.status IS 'planned, sending, sent, delivered, failed, skipped, withdrawn or bounced';

--
-- Name: COLUMN notifications.reason; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.notifications.reason IS 'code: why not, or why not yet';

--
-- Name: COLUMN notifications.reference; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.notifications.reference IS 'of the provider';

--
-- Name: COLUMN notifications.resent_of; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.notifications.resent_of IS 'the notification that was sent again as this one';

--
-- Name: operator_requests; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.operator_requests (
    key bytea NOT NULL,
    request_digest bytea NOT NULL,
    tenant_id uuid NOT NULL,
    answer bytea NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

--
-- Name: COLUMN operator_requests.key; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.operator_requests.key IS 'SHA-256 of the idempotency key';

--
-- Name: COLUMN operator_requests.answer; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.operator_requests.answer IS 'sealed by a master key';

--
-- Name: outbox; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.outbox (
    tenant_id uuid NOT NULL,
    id bigint NOT NULL,
    name text NOT NULL,
    subject text NOT NULL,
    data jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    actor text,
    request_id text,
    CONSTRAINT outbox_data_check CHECK ((jsonb_typeof(data) = 'object'::text))
)
WITH (autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_threshold='2000', autovacuum_vacuum_cost_delay='0', autovacuum_analyze_scale_factor='0', autovacuum_analyze_threshold='20000');

ALTER TABLE ONLY public.outbox FORCE ROW LEVEL SECURITY;

--
-- Name: COLUMN outbox.name; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.outbox.name IS 'such as appointment.confirmed.v1';

--
-- Name: COLUMN outbox.subject; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.outbox.subject IS 'the id of what it happened to';

--
-- Name: COLUMN outbox.actor; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.outbox.actor IS 'who acted, such as customer:key_…; null: written by an older version';

--
-- Name: COLUMN outbox.request_id; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.outbox.request_id IS 'of the HTTP request; null: there was none';

--
-- Name: outbox_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

ALTER TABLE public.outbox ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.outbox_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

--
-- Name: overrides; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.overrides (
    tenant_id uuid NOT NULL,
    resource_id text NOT NULL,
    on_date date NOT NULL,
    spans jsonb NOT NULL,
    despite_closures boolean DEFAULT false NOT NULL,
    CONSTRAINT overrides_spans_check CHECK ((jsonb_typeof(spans) = 'array'::text))
);

ALTER TABLE ONLY public.overrides FORCE ROW LEVEL SECURITY;

--
-- Name: COLUMN overrides.spans; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.overrides.spans IS '[[start minute, end minute], …]; empty: closed';

--
-- Name: COLUMN overrides.despite_closures; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.overrides.despite_closures IS 'true: on a closed date too';

--
-- Name: personal_keys; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.personal_keys (
    tenant_id uuid NOT NULL,
    subject text NOT NULL,
    customer_id text NOT NULL,
    number integer NOT NULL,
    sealed bytea NOT NULL
);

ALTER TABLE ONLY public.personal_keys FORCE ROW LEVEL SECURITY;

--
-- Name: COLUMN personal_keys.subject; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.personal_keys.subject IS 'id of the row whose personal data it seals';

--
-- Name: COLUMN personal_keys.customer_id; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.personal_keys.customer_id IS 'whose they are: without the key they are erased';

--
-- Name: COLUMN personal_keys.number; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.personal_keys.number IS 'of the business''s key that sealed it';

--
-- Name: requirement_resources; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.requirement_resources (
    tenant_id uuid NOT NULL,
    service_id text NOT NULL,
    requirement_position integer NOT NULL,
    resource_id text NOT NULL,
    "position" integer,
    duration_minutes integer,
    price_minor bigint,
    price_currency text
);

ALTER TABLE ONLY public.requirement_resources FORCE ROW LEVEL SECURITY;

--
-- Name: COLUMN requirement_resources."position"; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.requirement_resources."position" IS 'order in the pool; null: not in the pool, only terms (pool by kind)';

--
-- Name: COLUMN requirement_resources.duration_minutes; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.requirement_resources.duration_minutes IS 'null: the service''s';

--
-- Name: COLUMN requirement_resources.price_minor; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.requirement_resources.price_minor IS 'null: the service''s';

--
-- Name: requirements; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.requirements (
    tenant_id uuid NOT NULL,
    service_id text NOT NULL,
    "position" integer NOT NULL,
    role text NOT NULL,
    kind text,
    count integer NOT NULL,
    offset_minutes integer NOT NULL,
    duration_minutes integer,
    buffer_before_minutes integer,
    buffer_after_minutes integer,
    turns text DEFAULT 'service'::text NOT NULL,
    uses integer DEFAULT 1 NOT NULL,
    same_location boolean DEFAULT false NOT NULL,
    CONSTRAINT requirements_count_check CHECK (((count >= 1) AND (offset_minutes >= 0)))
);

ALTER TABLE ONLY public.requirements FORCE ROW LEVEL SECURITY;

--
-- Name: COLUMN requirements."position"; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.requirements."position" IS 'place in the service';

--
-- Name: COLUMN requirements.kind; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.requirements.kind IS 'null: the pool is in requirement_resources';

--
-- Name: COLUMN requirements.duration_minutes; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.requirements.duration_minutes IS 'null: to the end of the visit';

--
-- Name: COLUMN requirements.buffer_before_minutes; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.requirements.buffer_before_minutes IS 'null: the service''s';

--
-- Name: COLUMN requirements.buffer_after_minutes; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.requirements.buffer_after_minutes IS 'null: the service''s';

--
-- Name: COLUMN requirements.turns; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.requirements.turns IS 'visits that make one: of the service, or shared by all';

--
-- Name: COLUMN requirements.uses; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.requirements.uses IS 'places that each of the party takes';

--
-- Name: resources; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.resources (
    tenant_id uuid NOT NULL,
    id text NOT NULL,
    key text NOT NULL,
    "position" integer NOT NULL,
    kind text NOT NULL,
    name text NOT NULL,
    location_id text NOT NULL,
    capacity integer NOT NULL,
    rules jsonb DEFAULT '{}'::jsonb NOT NULL,
    version integer DEFAULT 1 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    archived_at timestamp with time zone,
    description text,
    lane_kind text DEFAULT 'alike'::text NOT NULL,
    seats_min integer,
    seats_max integer,
    exclusive text,
    located jsonb DEFAULT '[]'::jsonb NOT NULL,
    CONSTRAINT resources_capacity_check CHECK ((capacity >= 1)),
    CONSTRAINT resources_lane_kind_check CHECK ((lane_kind = ANY (ARRAY['alike'::text, 'named'::text])))
);

ALTER TABLE ONLY public.resources FORCE ROW LEVEL SECURITY;

--
-- Name: COLUMN resources."position"; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.resources."position" IS 'place in the document: the order of a pool given by kind';

--
-- Name: COLUMN resources.description; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.resources.description IS 'for visitors; null: none is shown';

--
-- Name: COLUMN resources.seats_min; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.resources.seats_min IS 'the smallest party of a table; null: no table';

--
-- Name: COLUMN resources.exclusive; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.resources.exclusive IS 'null: places are booked apart from each other';

--
-- Name: COLUMN resources.located; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.resources.located IS '[{location: id, hours}, …]';

--
-- Name: secrets; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.secrets (
    tenant_id uuid NOT NULL,
    id text NOT NULL,
    purpose text NOT NULL,
    key_id text NOT NULL,
    sealed bytea NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

ALTER TABLE ONLY public.secrets FORCE ROW LEVEL SECURITY;

--
-- Name: COLUMN secrets.purpose; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.secrets.purpose IS 'such as webhook_endpoint';

--
-- Name: COLUMN secrets.key_id; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.secrets.key_id IS 'of the master key that sealed it';

--
-- Name: COLUMN secrets.sealed; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.secrets.sealed IS 'see persistence.sealing';

--
-- Name: services; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.services (
    tenant_id uuid NOT NULL,
    id text NOT NULL,
    key text NOT NULL,
    "position" integer NOT NULL,
    name text NOT NULL,
    duration_minutes integer NOT NULL,
    buffer_before_minutes integer NOT NULL,
    buffer_after_minutes integer NOT NULL,
    buffers_inside_hours boolean NOT NULL,
    price_minor bigint NOT NULL,
    price_currency text NOT NULL,
    grid_align text NOT NULL,
    grid_step_minutes integer,
    grid_offset_minutes integer NOT NULL,
    assign text NOT NULL,
    rules jsonb DEFAULT '{}'::jsonb NOT NULL,
    version integer DEFAULT 1 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    archived_at timestamp with time zone,
    description text,
    grid_at jsonb DEFAULT '[]'::jsonb NOT NULL,
    grid_minimum_gap_minutes integer,
    grid_last_start_minutes integer,
    visibility text DEFAULT 'public'::text NOT NULL,
    prices jsonb DEFAULT '[]'::jsonb NOT NULL,
    assign_period text DEFAULT 'day'::text NOT NULL,
    durations jsonb DEFAULT '[]'::jsonb NOT NULL,
    add_ons jsonb DEFAULT '[]'::jsonb NOT NULL,
    duration_nights smallint,
    duration_check_in smallint,
    duration_check_out smallint,
    questions jsonb DEFAULT '[]'::jsonb NOT NULL,
    routes jsonb DEFAULT '[]'::jsonb NOT NULL,
    CONSTRAINT services_assign_check CHECK ((assign = ANY (ARRAY['priority'::text, 'least_booked'::text, 'round_robin'::text]))),
    CONSTRAINT services_duration_check CHECK (((duration_minutes >= 1) AND (buffer_before_minutes >= 0) AND (buffer_after_minutes >= 0))),
    CONSTRAINT services_grid_check CHECK (((grid_align = ANY (ARRAY['opening'::text, 'clock'::text, 'gap'::text])) AND (grid_step_minutes >= 1) AND (grid_offset_minutes >= 0))),
    CONSTRAINT services_stay_check CHECK (((((duration_nights >= 1) AND (duration_nights <= 60)) AND ((duration_check_in >= 0) AND (duration_check_in <= 1439)) AND ((duration_check_out >= 0) AND (duration_check_out <= 1439))) OR (num_nonnulls(duration_nights, duration_check_in, duration_check_out) = 0)))
);

ALTER TABLE ONLY public.services FORCE ROW LEVEL SECURITY;

--
-- Name: COLUMN services."position"; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.services."position" IS 'place in the document';

--
-- Name: COLUMN services.grid_step_minutes; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.services.grid_step_minutes IS 'null: the duration';

--
-- Name: COLUMN services.description; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.services.description IS 'for visitors; null: none is shown';

--
-- Name: COLUMN services.grid_at; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.services.grid_at IS 'fixed starts, minutes since midnight; none: by align and step';

--
-- Name: COLUMN services.grid_minimum_gap_minutes; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.services.grid_minimum_gap_minutes IS 'null: what such a visit takes, if avoidable';

--
-- Name: COLUMN services.grid_last_start_minutes; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.services.grid_last_start_minutes IS 'before work ends; null: the visit''s length';

--
-- Name: COLUMN services.visibility; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.services.visibility IS 'public, or staff only';

--
-- Name: COLUMN services.prices; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.services.prices IS '[{days, start, end, price or percent}, …], minutes of the day; the first that fits a start counts';

--
-- Name: COLUMN services.assign_period; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.services.assign_period IS 'over which least_booked counts: day, week or month';

--
-- Name: COLUMN services.durations; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.services.durations IS 'lengths to choose from: minutes, price; none: one length';

--
-- Name: COLUMN services.add_ons; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.services.add_ons IS 'extras to choose: key, name, minutes, price';

--
-- Name: COLUMN services.duration_nights; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.services.duration_nights IS 'of a stay; null: it lasts duration_minutes';

--
-- Name: COLUMN services.duration_check_in; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.services.duration_check_in IS 'minutes since midnight; null: it is no stay';

--
-- Name: COLUMN services.duration_check_out; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.services.duration_check_out IS 'minutes since midnight; null: it is no stay';

--
-- Name: COLUMN services.questions; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.services.questions IS '[{key, label, type, options, required}, …]';

--
-- Name: COLUMN services.routes; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.services.routes IS '[{if: [[question, [answer, …]], …], service, resources: [id, …], duration_minutes}, …]';

--
-- Name: sign_in_attempts; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.sign_in_attempts (
    digest bytea NOT NULL,
    since timestamp with time zone NOT NULL,
    attempts integer NOT NULL
);

--
-- Name: COLUMN sign_in_attempts.digest; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.sign_in_attempts.digest IS 'of an e-mail address, or of a client''s address';

--
-- Name: sign_in_links; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.sign_in_links (
    tenant_id uuid NOT NULL,
    digest bytea NOT NULL,
    user_id text NOT NULL,
    expires_at timestamp with time zone NOT NULL
);

ALTER TABLE ONLY public.sign_in_links FORCE ROW LEVEL SECURITY;

--
-- Name: COLUMN sign_in_links.digest; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.sign_in_links.digest IS 'SHA-256 of the code; the code is not kept';

--
-- Name: signing_keys; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.signing_keys (
    tenant_id uuid NOT NULL,
    id text NOT NULL,
    public_key bytea NOT NULL,
    secret_id text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

ALTER TABLE ONLY public.signing_keys FORCE ROW LEVEL SECURITY;

--
-- Name: COLUMN signing_keys.public_key; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.signing_keys.public_key IS 'Ed25519, 32 bytes';

--
-- Name: COLUMN signing_keys.secret_id; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.signing_keys.secret_id IS 'seals the private key';

--
-- Name: standings; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.standings (
    tenant_id uuid NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    suspended_at timestamp with time zone,
    changed_at timestamp with time zone DEFAULT now() NOT NULL,
    deleted_at timestamp with time zone,
    removed_at timestamp with time zone,
    quotas jsonb DEFAULT '{}'::jsonb NOT NULL
);

--
-- Name: COLUMN standings.suspended_at; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.standings.suspended_at IS 'null: it is not suspended';

--
-- Name: COLUMN standings.changed_at; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.standings.changed_at IS 'of what is beside it';

--
-- Name: COLUMN standings.deleted_at; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.standings.deleted_at IS 'null: it was not deleted';

--
-- Name: COLUMN standings.removed_at; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.standings.removed_at IS 'nothing is left of it since then';

--
-- Name: COLUMN standings.quotas; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.standings.quotas IS 'the most of each kind, by its name; absent: as many as the engine allows';

--
-- Name: suppressions; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.suppressions (
    tenant_id uuid NOT NULL,
    channel text NOT NULL,
    address_index text NOT NULL,
    reason text NOT NULL,
    since timestamp with time zone DEFAULT now() NOT NULL
);

ALTER TABLE ONLY public.suppressions FORCE ROW LEVEL SECURITY;

--
-- Name: COLUMN suppressions.channel; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.suppressions.channel IS 'email or sms';

--
-- Name: COLUMN suppressions.address_index; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.suppressions.address_index IS 'blind index, as customers have it; else a digest';

--
-- Name: COLUMN suppressions.reason; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.suppressions.reason IS 'bounced, opted_out or complained';

--
-- Name: tasks; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.tasks (
    id bigint NOT NULL,
    tenant_id uuid NOT NULL,
    kind text NOT NULL,
    subject text NOT NULL,
    key text,
    due_at timestamp with time zone NOT NULL,
    attempt integer DEFAULT 0 NOT NULL,
    leased_until timestamp with time zone,
    revision integer DEFAULT 1 NOT NULL,
    parked_at timestamp with time zone,
    last_error text,
    created_at timestamp with time zone DEFAULT now() NOT NULL
)
WITH (fillfactor='50', autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_threshold='2000', autovacuum_vacuum_cost_delay='0', autovacuum_analyze_scale_factor='0', autovacuum_analyze_threshold='20000');

--
-- Name: COLUMN tasks.kind; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.tasks.kind IS 'such as webhooks.deliver';

--
-- Name: COLUMN tasks.subject; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.tasks.subject IS 'the id of what it is about';

--
-- Name: COLUMN tasks.key; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.tasks.key IS 'by which a later plan replaces or removes it; null: it has none';

--
-- Name: COLUMN tasks.due_at; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.tasks.due_at IS 'by the real time';

--
-- Name: COLUMN tasks.attempt; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.tasks.attempt IS 'how often it was begun';

--
-- Name: COLUMN tasks.leased_until; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.tasks.leased_until IS 'a worker has it until then; null: none has';

--
-- Name: COLUMN tasks.revision; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.tasks.revision IS 'how often it was planned';

--
-- Name: COLUMN tasks.parked_at; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.tasks.parked_at IS 'after its last attempt; null: it is still tried';

--
-- Name: tasks_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

ALTER TABLE public.tasks ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.tasks_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

--
-- Name: time_off; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.time_off (
    tenant_id uuid NOT NULL,
    id text NOT NULL,
    resource_id text NOT NULL,
    during tstzrange NOT NULL,
    reason text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT time_off_during_check CHECK (((NOT isempty(during)) AND lower_inc(during) AND (NOT upper_inc(during)) AND (NOT lower_inf(during)) AND (NOT upper_inf(during)) AND ((EXTRACT(epoch FROM lower(during)) % (60)::numeric) = (0)::numeric) AND ((EXTRACT(epoch FROM upper(during)) % (60)::numeric) = (0)::numeric) AND (lower(during) >= '2000-01-01 00:00:00+00'::timestamp with time zone) AND (upper(during) < '2201-01-01 00:00:00+00'::timestamp with time zone) AND ((upper(during) - lower(during)) <= '1100 days'::interval)))
);

ALTER TABLE ONLY public.time_off FORCE ROW LEVEL SECURITY;

--
-- Name: user_sessions; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.user_sessions (
    tenant_id uuid NOT NULL,
    id text NOT NULL,
    user_id text NOT NULL,
    secret_id text NOT NULL,
    refreshed_at timestamp with time zone[] DEFAULT '{}'::timestamp with time zone[] NOT NULL,
    refreshes integer DEFAULT 0 NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

ALTER TABLE ONLY public.user_sessions FORCE ROW LEVEL SECURITY;

--
-- Name: COLUMN user_sessions.secret_id; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.user_sessions.secret_id IS 'seals the key behind its refresh tokens';

--
-- Name: COLUMN user_sessions.refreshed_at; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.user_sessions.refreshed_at IS 'the latest uses of refresh tokens, the last one last';

--
-- Name: COLUMN user_sessions.refreshes; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.user_sessions.refreshes IS 'refresh tokens used';

--
-- Name: COLUMN user_sessions.expires_at; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.user_sessions.expires_at IS 'unless refreshed before';

--
-- Name: users; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.users (
    tenant_id uuid NOT NULL,
    id text NOT NULL,
    role text NOT NULL,
    resource_id text,
    locale text,
    email_digest bytea NOT NULL,
    email_key_id text NOT NULL,
    secret_id text NOT NULL,
    version integer DEFAULT 1 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL
);

ALTER TABLE ONLY public.users FORCE ROW LEVEL SECURITY;

--
-- Name: COLUMN users.role; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.users.role IS 'owner, manager or staff';

--
-- Name: COLUMN users.resource_id; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.users.resource_id IS 'whose calendar is theirs; null: none';

--
-- Name: COLUMN users.locale; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.users.locale IS 'of what is written to them; null: that of the business';

--
-- Name: COLUMN users.email_digest; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.users.email_digest IS 'for look-ups, by a key of the engine';

--
-- Name: COLUMN users.email_key_id; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.users.email_key_id IS 'of the master key behind email_digest';

--
-- Name: COLUMN users.secret_id; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.users.secret_id IS 'seals the e-mail address and the name';

--
-- Name: webhook_deliveries; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.webhook_deliveries (
    tenant_id uuid NOT NULL,
    id text NOT NULL,
    endpoint_id text NOT NULL,
    event_id text NOT NULL,
    seq bigint,
    type text NOT NULL,
    subject text NOT NULL,
    status text NOT NULL,
    attempt integer DEFAULT 0 NOT NULL,
    due_at timestamp with time zone NOT NULL,
    attempted_at timestamp with time zone,
    duration_ms integer,
    response_status integer,
    response_body text,
    error text,
    error_detail text,
    delivered_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    revision integer DEFAULT 0 NOT NULL
)
WITH (autovacuum_vacuum_scale_factor='0.05', fillfactor='80');

ALTER TABLE ONLY public.webhook_deliveries FORCE ROW LEVEL SECURITY;

--
-- Name: COLUMN webhook_deliveries.event_id; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.webhook_deliveries.event_id IS 'a ping has one that is in no feed';

--
-- Name: COLUMN webhook_deliveries.seq; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.webhook_deliveries.seq IS 'of the event; null: a ping';

--
-- Name: COLUMN webhook_deliveries.status; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.webhook_deliveries.status IS 'pending, held, delivered, failed or dropped';

--
-- Name: COLUMN webhook_deliveries.due_at; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.webhook_deliveries.due_at IS 'of the next attempt, while pending';

--
-- Name: COLUMN webhook_deliveries.attempted_at; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.webhook_deliveries.attempted_at IS 'of the last attempt, as are the next five';

--
-- Name: COLUMN webhook_deliveries.response_body; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.webhook_deliveries.response_body IS 'the first 20 kB';

--
-- Name: COLUMN webhook_deliveries.error; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.webhook_deliveries.error IS 'code; null: there was an answer';

--
-- Name: COLUMN webhook_deliveries.revision; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.webhook_deliveries.revision IS 'of the endpoint, when it was asked for';

--
-- Name: webhook_endpoints; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.webhook_endpoints (
    tenant_id uuid NOT NULL,
    id text NOT NULL,
    url text NOT NULL,
    types text[] NOT NULL,
    payload text NOT NULL,
    description text,
    disabled_reason text,
    disabled_at timestamp with time zone,
    secret_id text NOT NULL,
    previous_secret_id text,
    previous_until timestamp with time zone,
    place bigint NOT NULL,
    failures integer DEFAULT 0 NOT NULL,
    failing_since timestamp with time zone,
    failed_at timestamp with time zone,
    is_lasting boolean DEFAULT false NOT NULL,
    rests_until timestamp with time zone,
    version integer DEFAULT 1 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    former jsonb DEFAULT '[]'::jsonb NOT NULL,
    revision integer DEFAULT 0 NOT NULL,
    held_revision integer DEFAULT 0 NOT NULL,
    revised integer DEFAULT 0 NOT NULL
);

ALTER TABLE ONLY public.webhook_endpoints FORCE ROW LEVEL SECURITY;

--
-- Name: COLUMN webhook_endpoints.types; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.webhook_endpoints.types IS 'types of events, or patterns of them';

--
-- Name: COLUMN webhook_endpoints.payload; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.webhook_endpoints.payload IS 'thin or full';

--
-- Name: COLUMN webhook_endpoints.disabled_reason; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.webhook_endpoints.disabled_reason IS 'owner, gone or failing; null: it is enabled';

--
-- Name: COLUMN webhook_endpoints.previous_secret_id; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.webhook_endpoints.previous_secret_id IS 'signs as well until previous_until; null: none';

--
-- Name: COLUMN webhook_endpoints.place; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.webhook_endpoints.place IS 'seq of the last event that was considered';

--
-- Name: COLUMN webhook_endpoints.failures; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.webhook_endpoints.failures IS 'since a success';

--
-- Name: COLUMN webhook_endpoints.failing_since; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.webhook_endpoints.failing_since IS 'first failure since a success';

--
-- Name: COLUMN webhook_endpoints.failed_at; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.webhook_endpoints.failed_at IS 'last failure since a success';

--
-- Name: COLUMN webhook_endpoints.is_lasting; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.webhook_endpoints.is_lasting IS 'two failures since a success were at least half a day apart';

--
-- Name: COLUMN webhook_endpoints.rests_until; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.webhook_endpoints.rests_until IS 'nothing is sent before; null: it does not rest';

--
-- Name: COLUMN webhook_endpoints.former; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.webhook_endpoints.former IS 'settings for events up to a seq each that were not considered yet';

--
-- Name: COLUMN webhook_endpoints.revision; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.webhook_endpoints.revision IS 'raised when it is disabled, and when its URL changes';

--
-- Name: COLUMN webhook_endpoints.held_revision; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.webhook_endpoints.held_revision IS 'deliveries that were asked for at a lower revision are held';

--
-- Name: COLUMN webhook_endpoints.revised; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.webhook_endpoints.revised IS 'no pending delivery was asked for at a lower revision';

--
-- Name: api_keys api_keys_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT api_keys_pkey PRIMARY KEY (id);

--
-- Name: appointment_resources appointment_resources_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.appointment_resources
    ADD CONSTRAINT appointment_resources_pkey PRIMARY KEY (tenant_id, appointment_id, "position");

--
-- Name: appointments appointments_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.appointments
    ADD CONSTRAINT appointments_pkey PRIMARY KEY (tenant_id, id);

--
-- Name: appointments appointments_tenant_id_hold_id_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.appointments
    ADD CONSTRAINT appointments_tenant_id_hold_id_key UNIQUE (tenant_id, hold_id);

--
-- Name: audit_entries audit_entries_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.audit_entries
    ADD CONSTRAINT audit_entries_pkey PRIMARY KEY (tenant_id, id);

--
-- Name: audit_links audit_links_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.audit_links
    ADD CONSTRAINT audit_links_pkey PRIMARY KEY (tenant_id, number);

--
-- Name: breaks breaks_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.breaks
    ADD CONSTRAINT breaks_pkey PRIMARY KEY (tenant_id, resource_id, "position");

--
-- Name: business_keys business_keys_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.business_keys
    ADD CONSTRAINT business_keys_pkey PRIMARY KEY (tenant_id, number);

--
-- Name: businesses businesses_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.businesses
    ADD CONSTRAINT businesses_pkey PRIMARY KEY (tenant_id);

--
-- Name: claims claims_lane_overlap; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.claims
    ADD CONSTRAINT claims_lane_overlap EXCLUDE USING gist (int8range(lane_id, lane_id, '[]'::text) WITH &&, during WITH &&);

--
-- Name: claims claims_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.claims
    ADD CONSTRAINT claims_pkey PRIMARY KEY (tenant_id, appointment_id, lane_id, during);

--
-- Name: claims claims_session_overlap; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.claims
    ADD CONSTRAINT claims_session_overlap EXCLUDE USING gist (int8range(session_lane_id, session_lane_id, '[]'::text) WITH &&, during WITH &&, session inet_ops WITH <>) WHERE ((session IS NOT NULL));

--
-- Name: consents consents_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.consents
    ADD CONSTRAINT consents_pkey PRIMARY KEY (tenant_id, customer_id, purpose, number);

--
-- Name: customers customers_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.customers
    ADD CONSTRAINT customers_pkey PRIMARY KEY (tenant_id, id);

--
-- Name: customers customers_tenant_id_identity_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.customers
    ADD CONSTRAINT customers_tenant_id_identity_key UNIQUE (tenant_id, identity);

--
-- Name: due_work due_work_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.due_work
    ADD CONSTRAINT due_work_pkey PRIMARY KEY (kind, tenant_id, subject);

--
-- Name: erasures erasures_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.erasures
    ADD CONSTRAINT erasures_pkey PRIMARY KEY (tenant_id, customer_id);

--
-- Name: events events_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.events
    ADD CONSTRAINT events_pkey PRIMARY KEY (tenant_id, seq);

--
-- Name: hours hours_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.hours
    ADD CONSTRAINT hours_pkey PRIMARY KEY (tenant_id, resource_id, "position");

--
-- Name: idempotency_keys idempotency_keys_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.idempotency_keys
    ADD CONSTRAINT idempotency_keys_pkey PRIMARY KEY (tenant_id, key);

--
-- Name: identity_providers identity_providers_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.identity_providers
    ADD CONSTRAINT identity_providers_pkey PRIMARY KEY (tenant_id);

--
-- Name: invalidations invalidations_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.invalidations
    ADD CONSTRAINT invalidations_pkey PRIMARY KEY (id);

--
-- Name: key_canaries key_canaries_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.key_canaries
    ADD CONSTRAINT key_canaries_pkey PRIMARY KEY (key_id);

--
-- Name: lanes lanes_id_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.lanes
    ADD CONSTRAINT lanes_id_key UNIQUE (id);

--
-- Name: lanes lanes_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.lanes
    ADD CONSTRAINT lanes_pkey PRIMARY KEY (tenant_id, id);

--
-- Name: lanes lanes_tenant_id_resource_id_number_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.lanes
    ADD CONSTRAINT lanes_tenant_id_resource_id_number_key UNIQUE (tenant_id, resource_id, number);

--
-- Name: locations locations_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.locations
    ADD CONSTRAINT locations_pkey PRIMARY KEY (tenant_id, id);

--
-- Name: locations locations_tenant_id_key_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.locations
    ADD CONSTRAINT locations_tenant_id_key_key UNIQUE (tenant_id, key);

--
-- Name: notification_channels notification_channels_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.notification_channels
    ADD CONSTRAINT notification_channels_pkey PRIMARY KEY (tenant_id, channel);

--
-- Name: notifications notifications_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.notifications
    ADD CONSTRAINT notifications_pkey PRIMARY KEY (tenant_id, id);

--
-- Name: operator_requests operator_requests_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.operator_requests
    ADD CONSTRAINT operator_requests_pkey PRIMARY KEY (key);

--
-- Name: outbox outbox_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.outbox
    ADD CONSTRAINT outbox_pkey PRIMARY KEY (tenant_id, id);

--
-- Name: overrides overrides_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.overrides
    ADD CONSTRAINT overrides_pkey PRIMARY KEY (tenant_id, resource_id, on_date);

--
-- Name: personal_keys personal_keys_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.personal_keys
    ADD CONSTRAINT personal_keys_pkey PRIMARY KEY (tenant_id, subject);

--
-- Name: requirement_resources requirement_resources_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.requirement_resources
    ADD CONSTRAINT requirement_resources_pkey PRIMARY KEY (tenant_id, service_id, requirement_position, resource_id);

--
-- Name: requirements requirements_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.requirements
    ADD CONSTRAINT requirements_pkey PRIMARY KEY (tenant_id, service_id, "position");

--
-- Name: resources resources_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.resources
    ADD CONSTRAINT resources_pkey PRIMARY KEY (tenant_id, id);

--
-- Name: resources resources_tenant_id_key_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.resources
    ADD CONSTRAINT resources_tenant_id_key_key UNIQUE (tenant_id, key);

--
-- Name: secrets secrets_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.secrets
    ADD CONSTRAINT secrets_pkey PRIMARY KEY (tenant_id, id);

--
-- Name: services services_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.services
    ADD CONSTRAINT services_pkey PRIMARY KEY (tenant_id, id);

--
-- Name: services services_tenant_id_key_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.services
    ADD CONSTRAINT services_tenant_id_key_key UNIQUE (tenant_id, key);

--
-- Name: sign_in_attempts sign_in_attempts_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.sign_in_attempts
    ADD CONSTRAINT sign_in_attempts_pkey PRIMARY KEY (digest);

--
-- Name: sign_in_links sign_in_links_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.sign_in_links
    ADD CONSTRAINT sign_in_links_pkey PRIMARY KEY (tenant_id, digest);

--
-- Name: signing_keys signing_keys_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.signing_keys
    ADD CONSTRAINT signing_keys_pkey PRIMARY KEY (tenant_id, id);

--
-- Name: standings standings_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.standings
    ADD CONSTRAINT standings_pkey PRIMARY KEY (tenant_id);

--
-- Name: suppressions suppressions_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.suppressions
    ADD CONSTRAINT suppressions_pkey PRIMARY KEY (tenant_id, channel, address_index);

--
-- Name: tasks tasks_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.tasks
    ADD CONSTRAINT tasks_pkey PRIMARY KEY (id);

--
-- Name: time_off time_off_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.time_off
    ADD CONSTRAINT time_off_pkey PRIMARY KEY (tenant_id, id);

--
-- Name: user_sessions user_sessions_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.user_sessions
    ADD CONSTRAINT user_sessions_pkey PRIMARY KEY (tenant_id, id);

--
-- Name: users users_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_pkey PRIMARY KEY (tenant_id, id);

--
-- Name: webhook_deliveries webhook_deliveries_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.webhook_deliveries
    ADD CONSTRAINT webhook_deliveries_pkey PRIMARY KEY (tenant_id, id);

--
-- Name: webhook_endpoints webhook_endpoints_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.webhook_endpoints
    ADD CONSTRAINT webhook_endpoints_pkey PRIMARY KEY (tenant_id, id);

--
-- Name: api_keys_digest_key; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX api_keys_digest_key ON public.api_keys USING btree (digest);

--
-- Name: api_keys_revoked_at_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX api_keys_revoked_at_idx ON public.api_keys USING btree (revoked_at) WHERE (revoked_at IS NOT NULL);

--
-- Name: api_keys_tenant_id_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX api_keys_tenant_id_idx ON public.api_keys USING btree (tenant_id);

--
-- Name: appointment_resources_resource_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX appointment_resources_resource_idx ON public.appointment_resources USING btree (tenant_id, resource_id, assigned_at);

--
-- Name: appointment_resources_start_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX appointment_resources_start_idx ON public.appointment_resources USING btree (tenant_id, resource_id, starts_at);

--
-- Name: appointments_customer_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX appointments_customer_idx ON public.appointments USING btree (tenant_id, customer_id, starts_at);

--
-- Name: appointments_pending_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX appointments_pending_idx ON public.appointments USING btree (tenant_id, COALESCE(approve_by, starts_at)) WHERE (status = 'pending'::text);

--
-- Name: appointments_service_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX appointments_service_idx ON public.appointments USING btree (tenant_id, service_id, starts_at);

--
-- Name: appointments_start_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX appointments_start_idx ON public.appointments USING btree (tenant_id, starts_at, id);

--
-- Name: appointments_updated_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX appointments_updated_idx ON public.appointments USING btree (tenant_id, updated_at);

--
-- Name: audit_entries_actor_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX audit_entries_actor_idx ON public.audit_entries USING btree (tenant_id, actor, id);

--
-- Name: audit_entries_more_subjects_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX audit_entries_more_subjects_idx ON public.audit_entries USING gin (more_subjects) WHERE (more_subjects IS NOT NULL);

--
-- Name: audit_entries_subject_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX audit_entries_subject_idx ON public.audit_entries USING btree (tenant_id, subject, id);

--
-- Name: claims_lane_end_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX claims_lane_end_idx ON public.claims USING btree (lane_id, upper(during));

--
-- Name: claims_long_end_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX claims_long_end_idx ON public.claims USING btree (lane_id, upper(during)) WHERE ((upper(during) - lower(during)) > '7 days'::interval);

--
-- Name: customers_merged_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX customers_merged_idx ON public.customers USING btree (tenant_id, merged_into) WHERE (merged_into IS NOT NULL);

--
-- Name: customers_number_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX customers_number_idx ON public.customers USING btree (tenant_id, number_index) WHERE (number_index IS NOT NULL);

--
-- Name: due_work_due_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX due_work_due_idx ON public.due_work USING btree (kind, due_at, tenant_id, subject);

--
-- Name: events_id_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX events_id_idx ON public.events USING btree (tenant_id, id);

--
-- Name: events_seq_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX events_seq_idx ON public.events USING btree (seq);

--
-- Name: events_subject_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX events_subject_idx ON public.events USING btree (tenant_id, subject, seq);

--
-- Name: idempotency_keys_created_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX idempotency_keys_created_idx ON public.idempotency_keys USING btree (tenant_id, created_at);

--
-- Name: identity_providers_issuer_key; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX identity_providers_issuer_key ON public.identity_providers USING btree (issuer, audience);

--
-- Name: locations_archived_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX locations_archived_idx ON public.locations USING btree (tenant_id, archived_at) WHERE (archived_at IS NOT NULL);

--
-- Name: locations_live_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX locations_live_idx ON public.locations USING btree (tenant_id) WHERE (archived_at IS NULL);

--
-- Name: notifications_appointment_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX notifications_appointment_idx ON public.notifications USING btree (tenant_id, appointment_id, id);

--
-- Name: notifications_dedupe_key; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX notifications_dedupe_key ON public.notifications USING btree (tenant_id, dedupe);

--
-- Name: notifications_recipient_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX notifications_recipient_idx ON public.notifications USING btree (tenant_id, recipient_id, created_at);

--
-- Name: operator_requests_created_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX operator_requests_created_idx ON public.operator_requests USING btree (created_at);

--
-- Name: outbox_id_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX outbox_id_idx ON public.outbox USING btree (id);

--
-- Name: personal_keys_customer_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX personal_keys_customer_idx ON public.personal_keys USING btree (tenant_id, customer_id);

--
-- Name: requirement_resources_resource_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX requirement_resources_resource_idx ON public.requirement_resources USING btree (tenant_id, resource_id);

--
-- Name: resources_archived_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX resources_archived_idx ON public.resources USING btree (tenant_id, archived_at) WHERE (archived_at IS NOT NULL);

--
-- Name: resources_live_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX resources_live_idx ON public.resources USING btree (tenant_id) WHERE (archived_at IS NULL);

--
-- Name: resources_location_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX resources_location_idx ON public.resources USING btree (tenant_id, location_id);

--
-- Name: services_archived_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX services_archived_idx ON public.services USING btree (tenant_id, archived_at) WHERE (archived_at IS NOT NULL);

--
-- Name: services_live_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX services_live_idx ON public.services USING btree (tenant_id) WHERE (archived_at IS NULL);

--
-- Name: sign_in_attempts_since_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX sign_in_attempts_since_idx ON public.sign_in_attempts USING btree (since);

--
-- Name: sign_in_links_user_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX sign_in_links_user_idx ON public.sign_in_links USING btree (tenant_id, user_id);

--
-- Name: standings_changed_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX standings_changed_idx ON public.standings USING btree (changed_at);

--
-- Name: standings_created_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX standings_created_idx ON public.standings USING btree (created_at, tenant_id);

--
-- Name: standings_limited_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX standings_limited_idx ON public.standings USING btree (tenant_id) WHERE ((suspended_at IS NOT NULL) OR (quotas <> '{}'::jsonb));

--
-- Name: standings_suspended_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX standings_suspended_idx ON public.standings USING btree (tenant_id) WHERE (suspended_at IS NOT NULL);

--
-- Name: tasks_due_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX tasks_due_idx ON public.tasks USING btree (kind, due_at) WHERE (parked_at IS NULL);

--
-- Name: tasks_key_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX tasks_key_idx ON public.tasks USING btree (kind, tenant_id, key) WHERE (key IS NOT NULL);

--
-- Name: tasks_parked_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX tasks_parked_idx ON public.tasks USING btree (kind, id) WHERE (parked_at IS NOT NULL);

--
-- Name: time_off_resource_end_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX time_off_resource_end_idx ON public.time_off USING btree (tenant_id, resource_id, upper(during));

--
-- Name: user_sessions_user_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX user_sessions_user_idx ON public.user_sessions USING btree (tenant_id, user_id, id);

--
-- Name: users_email_digest_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX users_email_digest_idx ON public.users USING btree (email_digest);

--
-- Name: users_email_digest_key; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX users_email_digest_key ON public.users USING btree (tenant_id, email_digest);

--
-- Name: webhook_deliveries_event_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX webhook_deliveries_event_idx ON public.webhook_deliveries USING btree (tenant_id, endpoint_id, event_id);

--
-- Name: webhook_deliveries_list_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX webhook_deliveries_list_idx ON public.webhook_deliveries USING btree (tenant_id, endpoint_id, id);

--
-- Name: webhook_deliveries_open_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX webhook_deliveries_open_idx ON public.webhook_deliveries USING btree (tenant_id, endpoint_id, status, id) WHERE (status <> 'delivered'::text);

--
-- Name: webhook_deliveries_pending_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX webhook_deliveries_pending_idx ON public.webhook_deliveries USING btree (tenant_id, endpoint_id, seq) WHERE (status = 'pending'::text);

--
-- Name: webhook_deliveries_subject_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX webhook_deliveries_subject_idx ON public.webhook_deliveries USING btree (tenant_id, endpoint_id, subject, seq) WHERE (status = 'pending'::text);

--
-- Name: appointments appointments_customer; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER appointments_customer AFTER UPDATE OF customer_id ON public.appointments FOR EACH ROW WHEN ((old.customer_id IS DISTINCT FROM new.customer_id)) EXECUTE FUNCTION public.personal_key_follows_customer();

--
-- Name: appointments appointments_deleted_due; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER appointments_deleted_due AFTER DELETE ON public.appointments FOR EACH ROW WHEN ((old.status = 'pending'::text)) EXECUTE FUNCTION public.note_approval();

--
-- Name: appointments appointments_inserted_due; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER appointments_inserted_due AFTER INSERT ON public.appointments FOR EACH ROW WHEN ((new.status = 'pending'::text)) EXECUTE FUNCTION public.note_approval();

--
-- Name: appointments appointments_plain; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER appointments_plain AFTER INSERT OR UPDATE ON public.appointments FOR EACH ROW WHEN (((new.personal IS NULL) OR (new.customer <> '{"name": "Sealed", "email": null, "phone": null, "timezone": null}'::jsonb) OR (new.notes IS NOT NULL) OR (new.metadata <> '{}'::jsonb) OR (new.answers IS NOT NULL) OR (new.details_digest IS NOT NULL) OR (new.cancel_reason IS NOT NULL))) EXECUTE FUNCTION public.note_plain_data();

--
-- Name: appointments appointments_updated_due; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER appointments_updated_due AFTER UPDATE ON public.appointments FOR EACH ROW WHEN (((old.status = 'pending'::text) OR (new.status = 'pending'::text))) EXECUTE FUNCTION public.note_approval();

--
-- Name: audit_entries audit_entries_kept; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER audit_entries_kept BEFORE DELETE OR UPDATE OR TRUNCATE ON public.audit_entries FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change_of_audit_log();

--
-- Name: audit_links audit_links_kept; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER audit_links_kept BEFORE DELETE OR UPDATE OR TRUNCATE ON public.audit_links FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change_of_audit_log();

--
-- Name: breaks breaks_deleted_invalidate; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER breaks_deleted_invalidate AFTER DELETE ON public.breaks REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION public.invalidate_catalogue();

--
-- Name: breaks breaks_inserted_invalidate; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER breaks_inserted_invalidate AFTER INSERT ON public.breaks REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION public.invalidate_catalogue();

--
-- Name: breaks breaks_updated_from_invalidate; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER breaks_updated_from_invalidate AFTER UPDATE ON public.breaks REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION public.invalidate_catalogue();

--
-- Name: breaks breaks_updated_to_invalidate; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER breaks_updated_to_invalidate AFTER UPDATE ON public.breaks REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION public.invalidate_catalogue();

--
-- Name: businesses businesses_clock_due; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER businesses_clock_due AFTER UPDATE ON public.businesses FOR EACH ROW WHEN ((old.sandbox_now IS DISTINCT FROM new.sandbox_now)) EXECUTE FUNCTION public.note_sandbox_clock();

--
-- Name: businesses businesses_deleted_invalidate; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER businesses_deleted_invalidate AFTER DELETE ON public.businesses REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION public.invalidate_catalogue();

--
-- Name: businesses businesses_inserted_invalidate; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER businesses_inserted_invalidate AFTER INSERT ON public.businesses REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION public.invalidate_catalogue();

--
-- Name: businesses businesses_noted; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER businesses_noted AFTER INSERT ON public.businesses FOR EACH ROW EXECUTE FUNCTION public.note_business();

--
-- Name: businesses businesses_updated_from_invalidate; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER businesses_updated_from_invalidate AFTER UPDATE ON public.businesses REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION public.invalidate_catalogue();

--
-- Name: businesses businesses_updated_to_invalidate; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER businesses_updated_to_invalidate AFTER UPDATE ON public.businesses REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION public.invalidate_catalogue();

--
-- Name: claims claims_deleted_invalidate; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER claims_deleted_invalidate AFTER DELETE ON public.claims REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION public.invalidate_days();

--
-- Name: claims claims_inserted_invalidate; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER claims_inserted_invalidate AFTER INSERT ON public.claims REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION public.invalidate_days();

--
-- Name: claims claims_updated_from_invalidate; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER claims_updated_from_invalidate AFTER UPDATE ON public.claims REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION public.invalidate_days();

--
-- Name: claims claims_updated_to_invalidate; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER claims_updated_to_invalidate AFTER UPDATE ON public.claims REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION public.invalidate_days();

--
-- Name: customers customers_plain; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER customers_plain AFTER INSERT OR UPDATE ON public.customers FOR EACH ROW WHEN (((new.personal IS NULL) OR (new.name <> 'Sealed'::text) OR (new.email IS NOT NULL) OR (new.phone IS NOT NULL) OR (new.timezone IS NOT NULL))) EXECUTE FUNCTION public.note_plain_data();

--
-- Name: hours hours_deleted_invalidate; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER hours_deleted_invalidate AFTER DELETE ON public.hours REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION public.invalidate_catalogue();

--
-- Name: hours hours_inserted_invalidate; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER hours_inserted_invalidate AFTER INSERT ON public.hours REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION public.invalidate_catalogue();

--
-- Name: hours hours_updated_from_invalidate; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER hours_updated_from_invalidate AFTER UPDATE ON public.hours REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION public.invalidate_catalogue();

--
-- Name: hours hours_updated_to_invalidate; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER hours_updated_to_invalidate AFTER UPDATE ON public.hours REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION public.invalidate_catalogue();

--
-- Name: idempotency_keys idempotency_keys_inserted_due; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER idempotency_keys_inserted_due AFTER INSERT ON public.idempotency_keys FOR EACH ROW EXECUTE FUNCTION public.note_idempotency_key();

--
-- Name: idempotency_keys idempotency_keys_updated_due; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER idempotency_keys_updated_due AFTER UPDATE OF created_at ON public.idempotency_keys FOR EACH ROW EXECUTE FUNCTION public.note_idempotency_key();

--
-- Name: lanes lanes_deleted_invalidate; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER lanes_deleted_invalidate AFTER DELETE ON public.lanes REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION public.invalidate_catalogue();

--
-- Name: lanes lanes_inserted_invalidate; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER lanes_inserted_invalidate AFTER INSERT ON public.lanes REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION public.invalidate_catalogue();

--
-- Name: lanes lanes_updated_from_invalidate; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER lanes_updated_from_invalidate AFTER UPDATE ON public.lanes REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION public.invalidate_catalogue();

--
-- Name: lanes lanes_updated_to_invalidate; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER lanes_updated_to_invalidate AFTER UPDATE ON public.lanes REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION public.invalidate_catalogue();

--
-- Name: locations locations_deleted_invalidate; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER locations_deleted_invalidate AFTER DELETE ON public.locations REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION public.invalidate_catalogue();

--
-- Name: locations locations_inserted_due; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER locations_inserted_due AFTER INSERT ON public.locations REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION public.note_archived();

--
-- Name: locations locations_inserted_invalidate; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER locations_inserted_invalidate AFTER INSERT ON public.locations REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION public.invalidate_catalogue();

--
-- Name: locations locations_updated_due; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER locations_updated_due AFTER UPDATE ON public.locations REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION public.note_archived();

--
-- Name: locations locations_updated_from_invalidate; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER locations_updated_from_invalidate AFTER UPDATE ON public.locations REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION public.invalidate_catalogue();

--
-- Name: locations locations_updated_to_invalidate; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER locations_updated_to_invalidate AFTER UPDATE ON public.locations REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION public.invalidate_catalogue();

--
-- Name: overrides overrides_deleted_invalidate; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER overrides_deleted_invalidate AFTER DELETE ON public.overrides REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION public.invalidate_catalogue();

--
-- Name: overrides overrides_inserted_invalidate; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER overrides_inserted_invalidate AFTER INSERT ON public.overrides REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION public.invalidate_catalogue();

--
-- Name: overrides overrides_updated_from_invalidate; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER overrides_updated_from_invalidate AFTER UPDATE ON public.overrides REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION public.invalidate_catalogue();

--
-- Name: overrides overrides_updated_to_invalidate; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER overrides_updated_to_invalidate AFTER UPDATE ON public.overrides REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION public.invalidate_catalogue();

--
-- Name: requirement_resources requirement_resources_deleted_invalidate; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER requirement_resources_deleted_invalidate AFTER DELETE ON public.requirement_resources REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION public.invalidate_catalogue();

--
-- Name: requirement_resources requirement_resources_inserted_invalidate; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER requirement_resources_inserted_invalidate AFTER INSERT ON public.requirement_resources REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION public.invalidate_catalogue();

--
-- Name: requirement_resources requirement_resources_updated_from_invalidate; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER requirement_resources_updated_from_invalidate AFTER UPDATE ON public.requirement_resources REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION public.invalidate_catalogue();

--
-- Name: requirement_resources requirement_resources_updated_to_invalidate; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER requirement_resources_updated_to_invalidate AFTER UPDATE ON public.requirement_resources REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION public.invalidate_catalogue();

--
-- Name: requirements requirements_deleted_invalidate; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER requirements_deleted_invalidate AFTER DELETE ON public.requirements REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION public.invalidate_catalogue();

--
-- Name: requirements requirements_inserted_invalidate; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER requirements_inserted_invalidate AFTER INSERT ON public.requirements REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION public.invalidate_catalogue();

--
-- Name: requirements requirements_updated_from_invalidate; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER requirements_updated_from_invalidate AFTER UPDATE ON public.requirements REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION public.invalidate_catalogue();

--
-- Name: requirements requirements_updated_to_invalidate; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER requirements_updated_to_invalidate AFTER UPDATE ON public.requirements REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION public.invalidate_catalogue();

--
-- Name: resources resources_deleted_invalidate; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER resources_deleted_invalidate AFTER DELETE ON public.resources REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION public.invalidate_catalogue();

--
-- Name: resources resources_inserted_due; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER resources_inserted_due AFTER INSERT ON public.resources REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION public.note_archived();

--
-- Name: resources resources_inserted_invalidate; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER resources_inserted_invalidate AFTER INSERT ON public.resources REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION public.invalidate_catalogue();

--
-- Name: resources resources_updated_due; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER resources_updated_due AFTER UPDATE ON public.resources REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION public.note_archived();

--
-- Name: resources resources_updated_from_invalidate; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER resources_updated_from_invalidate AFTER UPDATE ON public.resources REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION public.invalidate_catalogue();

--
-- Name: resources resources_updated_to_invalidate; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER resources_updated_to_invalidate AFTER UPDATE ON public.resources REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION public.invalidate_catalogue();

--
-- Name: services services_deleted_invalidate; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER services_deleted_invalidate AFTER DELETE ON public.services REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION public.invalidate_catalogue();

--
-- Name: services services_inserted_due; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER services_inserted_due AFTER INSERT ON public.services REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION public.note_archived();

--
-- Name: services services_inserted_invalidate; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER services_inserted_invalidate AFTER INSERT ON public.services REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION public.invalidate_catalogue();

--
-- Name: services services_updated_due; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER services_updated_due AFTER UPDATE ON public.services REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION public.note_archived();

--
-- Name: services services_updated_from_invalidate; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER services_updated_from_invalidate AFTER UPDATE ON public.services REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION public.invalidate_catalogue();

--
-- Name: services services_updated_to_invalidate; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER services_updated_to_invalidate AFTER UPDATE ON public.services REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION public.invalidate_catalogue();

--
-- Name: time_off time_off_deleted_invalidate; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER time_off_deleted_invalidate AFTER DELETE ON public.time_off REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION public.invalidate_days();

--
-- Name: time_off time_off_deleted_invalidate_business_days; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER time_off_deleted_invalidate_business_days AFTER DELETE ON public.time_off REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION public.invalidate_business_days();

--
-- Name: time_off time_off_inserted_invalidate; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER time_off_inserted_invalidate AFTER INSERT ON public.time_off REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION public.invalidate_days();

--
-- Name: time_off time_off_inserted_invalidate_business_days; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER time_off_inserted_invalidate_business_days AFTER INSERT ON public.time_off REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION public.invalidate_business_days();

--
-- Name: time_off time_off_updated_from_invalidate; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER time_off_updated_from_invalidate AFTER UPDATE ON public.time_off REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION public.invalidate_days();

--
-- Name: time_off time_off_updated_from_invalidate_business_days; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER time_off_updated_from_invalidate_business_days AFTER UPDATE ON public.time_off REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION public.invalidate_business_days();

--
-- Name: time_off time_off_updated_to_invalidate; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER time_off_updated_to_invalidate AFTER UPDATE ON public.time_off REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION public.invalidate_days();

--
-- Name: time_off time_off_updated_to_invalidate_business_days; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER time_off_updated_to_invalidate_business_days AFTER UPDATE ON public.time_off REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION public.invalidate_business_days();

--
-- Name: api_keys api_keys_tenant_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT api_keys_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.businesses(tenant_id);

--
-- Name: appointment_resources appointment_resources_tenant_id_appointment_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.appointment_resources
    ADD CONSTRAINT appointment_resources_tenant_id_appointment_id_fkey FOREIGN KEY (tenant_id, appointment_id) REFERENCES public.appointments(tenant_id, id);

--
-- Name: appointment_resources appointment_resources_tenant_id_resource_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.appointment_resources
    ADD CONSTRAINT appointment_resources_tenant_id_resource_id_fkey FOREIGN KEY (tenant_id, resource_id) REFERENCES public.resources(tenant_id, id);

--
-- Name: appointments appointments_tenant_id_customer_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.appointments
    ADD CONSTRAINT appointments_tenant_id_customer_id_fkey FOREIGN KEY (tenant_id, customer_id) REFERENCES public.customers(tenant_id, id);

--
-- Name: appointments appointments_tenant_id_service_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.appointments
    ADD CONSTRAINT appointments_tenant_id_service_id_fkey FOREIGN KEY (tenant_id, service_id) REFERENCES public.services(tenant_id, id);

--
-- Name: breaks breaks_tenant_id_resource_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.breaks
    ADD CONSTRAINT breaks_tenant_id_resource_id_fkey FOREIGN KEY (tenant_id, resource_id) REFERENCES public.resources(tenant_id, id);

--
-- Name: business_keys business_keys_tenant_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.business_keys
    ADD CONSTRAINT business_keys_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.businesses(tenant_id);

--
-- Name: claims claims_tenant_id_appointment_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.claims
    ADD CONSTRAINT claims_tenant_id_appointment_id_fkey FOREIGN KEY (tenant_id, appointment_id) REFERENCES public.appointments(tenant_id, id);

--
-- Name: claims claims_tenant_id_lane_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.claims
    ADD CONSTRAINT claims_tenant_id_lane_id_fkey FOREIGN KEY (tenant_id, lane_id) REFERENCES public.lanes(tenant_id, id);

--
-- Name: consents consents_tenant_id_customer_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.consents
    ADD CONSTRAINT consents_tenant_id_customer_id_fkey FOREIGN KEY (tenant_id, customer_id) REFERENCES public.customers(tenant_id, id);

--
-- Name: customers customers_tenant_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.customers
    ADD CONSTRAINT customers_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.businesses(tenant_id);

--
-- Name: events events_tenant_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.events
    ADD CONSTRAINT events_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.businesses(tenant_id);

--
-- Name: hours hours_tenant_id_resource_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.hours
    ADD CONSTRAINT hours_tenant_id_resource_id_fkey FOREIGN KEY (tenant_id, resource_id) REFERENCES public.resources(tenant_id, id);

--
-- Name: idempotency_keys idempotency_keys_tenant_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.idempotency_keys
    ADD CONSTRAINT idempotency_keys_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.businesses(tenant_id);

--
-- Name: identity_providers identity_providers_tenant_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.identity_providers
    ADD CONSTRAINT identity_providers_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.businesses(tenant_id);

--
-- Name: lanes lanes_tenant_id_resource_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.lanes
    ADD CONSTRAINT lanes_tenant_id_resource_id_fkey FOREIGN KEY (tenant_id, resource_id) REFERENCES public.resources(tenant_id, id);

--
-- Name: locations locations_tenant_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.locations
    ADD CONSTRAINT locations_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.businesses(tenant_id);

--
-- Name: notification_channels notification_channels_tenant_id_secret_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.notification_channels
    ADD CONSTRAINT notification_channels_tenant_id_secret_id_fkey FOREIGN KEY (tenant_id, secret_id) REFERENCES public.secrets(tenant_id, id);

--
-- Name: outbox outbox_tenant_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.outbox
    ADD CONSTRAINT outbox_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.businesses(tenant_id);

--
-- Name: overrides overrides_tenant_id_resource_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.overrides
    ADD CONSTRAINT overrides_tenant_id_resource_id_fkey FOREIGN KEY (tenant_id, resource_id) REFERENCES public.resources(tenant_id, id);

--
-- Name: requirement_resources requirement_resources_tenant_id_resource_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.requirement_resources
    ADD CONSTRAINT requirement_resources_tenant_id_resource_id_fkey FOREIGN KEY (tenant_id, resource_id) REFERENCES public.resources(tenant_id, id);

--
-- Name: requirement_resources requirement_resources_tenant_id_service_id_requirement__bf1d; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.requirement_resources
    ADD CONSTRAINT requirement_resources_tenant_id_service_id_requirement__bf1d FOREIGN KEY (tenant_id, service_id, requirement_position) REFERENCES public.requirements(tenant_id, service_id, "position");

--
-- Name: requirements requirements_tenant_id_service_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.requirements
    ADD CONSTRAINT requirements_tenant_id_service_id_fkey FOREIGN KEY (tenant_id, service_id) REFERENCES public.services(tenant_id, id);

--
-- Name: resources resources_tenant_id_location_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.resources
    ADD CONSTRAINT resources_tenant_id_location_id_fkey FOREIGN KEY (tenant_id, location_id) REFERENCES public.locations(tenant_id, id);

--
-- Name: secrets secrets_tenant_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.secrets
    ADD CONSTRAINT secrets_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.businesses(tenant_id);

--
-- Name: services services_tenant_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.services
    ADD CONSTRAINT services_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.businesses(tenant_id);

--
-- Name: sign_in_links sign_in_links_tenant_id_user_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.sign_in_links
    ADD CONSTRAINT sign_in_links_tenant_id_user_id_fkey FOREIGN KEY (tenant_id, user_id) REFERENCES public.users(tenant_id, id) ON DELETE CASCADE;

--
-- Name: signing_keys signing_keys_tenant_id_secret_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.signing_keys
    ADD CONSTRAINT signing_keys_tenant_id_secret_id_fkey FOREIGN KEY (tenant_id, secret_id) REFERENCES public.secrets(tenant_id, id);

--
-- Name: suppressions suppressions_tenant_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.suppressions
    ADD CONSTRAINT suppressions_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.businesses(tenant_id);

--
-- Name: time_off time_off_tenant_id_resource_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.time_off
    ADD CONSTRAINT time_off_tenant_id_resource_id_fkey FOREIGN KEY (tenant_id, resource_id) REFERENCES public.resources(tenant_id, id);

--
-- Name: user_sessions user_sessions_tenant_id_secret_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.user_sessions
    ADD CONSTRAINT user_sessions_tenant_id_secret_id_fkey FOREIGN KEY (tenant_id, secret_id) REFERENCES public.secrets(tenant_id, id);

--
-- Name: user_sessions user_sessions_tenant_id_user_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.user_sessions
    ADD CONSTRAINT user_sessions_tenant_id_user_id_fkey FOREIGN KEY (tenant_id, user_id) REFERENCES public.users(tenant_id, id) ON DELETE CASCADE;

--
-- Name: users users_tenant_id_resource_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_tenant_id_resource_id_fkey FOREIGN KEY (tenant_id, resource_id) REFERENCES public.resources(tenant_id, id);

--
-- Name: users users_tenant_id_secret_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_tenant_id_secret_id_fkey FOREIGN KEY (tenant_id, secret_id) REFERENCES public.secrets(tenant_id, id);

--
-- Name: webhook_deliveries webhook_deliveries_tenant_id_endpoint_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.webhook_deliveries
    ADD CONSTRAINT webhook_deliveries_tenant_id_endpoint_id_fkey FOREIGN KEY (tenant_id, endpoint_id) REFERENCES public.webhook_endpoints(tenant_id, id) ON DELETE CASCADE;

--
-- Name: webhook_endpoints webhook_endpoints_tenant_id_previous_secret_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.webhook_endpoints
    ADD CONSTRAINT webhook_endpoints_tenant_id_previous_secret_id_fkey FOREIGN KEY (tenant_id, previous_secret_id) REFERENCES public.secrets(tenant_id, id);

--
-- Name: webhook_endpoints webhook_endpoints_tenant_id_secret_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.webhook_endpoints
    ADD CONSTRAINT webhook_endpoints_tenant_id_secret_id_fkey FOREIGN KEY (tenant_id, secret_id) REFERENCES public.secrets(tenant_id, id);

--
-- Name: appointment_resources; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.appointment_resources ENABLE ROW LEVEL SECURITY;

--
-- Name: appointment_resources appointment_resources_tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY appointment_resources_tenant ON public.appointment_resources USING ((tenant_id = ( SELECT (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid AS "nullif"))) WITH CHECK ((tenant_id = ( SELECT (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid AS "nullif")));

--
-- Name: appointments; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.appointments ENABLE ROW LEVEL SECURITY;

--
-- Name: appointments appointments_tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY appointments_tenant ON public.appointments USING ((tenant_id = ( SELECT (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid AS "nullif"))) WITH CHECK ((tenant_id = ( SELECT (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid AS "nullif")));

--
-- Name: audit_entries; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.audit_entries ENABLE ROW LEVEL SECURITY;

--
-- Name: audit_entries audit_entries_read_by_the_owner; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY audit_entries_read_by_the_owner ON public.audit_entries FOR SELECT TO holdfast USING (true);

--
-- Name: audit_entries audit_entries_tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY audit_entries_tenant ON public.audit_entries USING ((tenant_id = ( SELECT (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid AS "nullif"))) WITH CHECK ((tenant_id = ( SELECT (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid AS "nullif")));

--
-- Name: audit_links; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.audit_links ENABLE ROW LEVEL SECURITY;

--
-- Name: audit_links audit_links_added_by_the_owner; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY audit_links_added_by_the_owner ON public.audit_links FOR INSERT TO holdfast WITH CHECK (true);

--
-- Name: audit_links audit_links_read_by_the_owner; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY audit_links_read_by_the_owner ON public.audit_links FOR SELECT TO holdfast USING (true);

--
-- Name: audit_links audit_links_tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY audit_links_tenant ON public.audit_links USING ((tenant_id = ( SELECT (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid AS "nullif"))) WITH CHECK ((tenant_id = ( SELECT (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid AS "nullif")));

--
-- Name: audit_queue; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.audit_queue ENABLE ROW LEVEL SECURITY;

--
-- Name: audit_queue audit_queue_read_by_the_owner; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY audit_queue_read_by_the_owner ON public.audit_queue FOR SELECT TO holdfast USING (true);

--
-- Name: audit_queue audit_queue_taken_by_the_owner; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY audit_queue_taken_by_the_owner ON public.audit_queue FOR DELETE TO holdfast USING (true);

--
-- Name: audit_queue audit_queue_tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY audit_queue_tenant ON public.audit_queue USING ((tenant_id = ( SELECT (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid AS "nullif"))) WITH CHECK ((tenant_id = ( SELECT (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid AS "nullif")));

--
-- Name: breaks; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.breaks ENABLE ROW LEVEL SECURITY;

--
-- Name: breaks breaks_tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY breaks_tenant ON public.breaks USING ((tenant_id = ( SELECT (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid AS "nullif"))) WITH CHECK ((tenant_id = ( SELECT (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid AS "nullif")));

--
-- Name: business_keys; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.business_keys ENABLE ROW LEVEL SECURITY;

--
-- Name: business_keys business_keys_tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY business_keys_tenant ON public.business_keys USING ((tenant_id = ( SELECT (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid AS "nullif"))) WITH CHECK ((tenant_id = ( SELECT (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid AS "nullif")));

--
-- Name: businesses; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.businesses ENABLE ROW LEVEL SECURITY;

--
-- Name: businesses businesses_tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY businesses_tenant ON public.businesses USING ((tenant_id = ( SELECT (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid AS "nullif"))) WITH CHECK ((tenant_id = ( SELECT (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid AS "nullif")));

--
-- Name: claims; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.claims ENABLE ROW LEVEL SECURITY;

--
-- Name: claims claims_tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY claims_tenant ON public.claims USING ((tenant_id = ( SELECT (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid AS "nullif"))) WITH CHECK ((tenant_id = ( SELECT (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid AS "nullif")));

--
-- Name: consents; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.consents ENABLE ROW LEVEL SECURITY;

--
-- Name: consents consents_tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY consents_tenant ON public.consents USING ((tenant_id = ( SELECT (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid AS "nullif"))) WITH CHECK ((tenant_id = ( SELECT (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid AS "nullif")));

--
-- Name: customers; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.customers ENABLE ROW LEVEL SECURITY;

--
-- Name: customers customers_tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY customers_tenant ON public.customers USING ((tenant_id = ( SELECT (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid AS "nullif"))) WITH CHECK ((tenant_id = ( SELECT (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid AS "nullif")));

--
-- Name: erasures; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.erasures ENABLE ROW LEVEL SECURITY;

--
-- Name: erasures erasures_tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY erasures_tenant ON public.erasures USING ((tenant_id = ( SELECT (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid AS "nullif"))) WITH CHECK ((tenant_id = ( SELECT (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid AS "nullif")));

--
-- Name: events; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.events ENABLE ROW LEVEL SECURITY;

--
-- Name: events events_of_the_owner; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY events_of_the_owner ON public.events TO holdfast USING (true);

--
-- Name: events events_tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY events_tenant ON public.events USING ((tenant_id = ( SELECT (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid AS "nullif"))) WITH CHECK ((tenant_id = ( SELECT (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid AS "nullif")));

--
-- Name: hours; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.hours ENABLE ROW LEVEL SECURITY;

--
-- Name: hours hours_tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY hours_tenant ON public.hours USING ((tenant_id = ( SELECT (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid AS "nullif"))) WITH CHECK ((tenant_id = ( SELECT (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid AS "nullif")));

--
-- Name: idempotency_keys; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.idempotency_keys ENABLE ROW LEVEL SECURITY;

--
-- Name: idempotency_keys idempotency_keys_tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY idempotency_keys_tenant ON public.idempotency_keys USING ((tenant_id = ( SELECT (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid AS "nullif"))) WITH CHECK ((tenant_id = ( SELECT (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid AS "nullif")));

--
-- Name: identity_providers; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.identity_providers ENABLE ROW LEVEL SECURITY;

--
-- Name: identity_providers identity_providers_of_the_owner; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY identity_providers_of_the_owner ON public.identity_providers FOR SELECT TO holdfast USING (true);

--
-- Name: identity_providers identity_providers_tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY identity_providers_tenant ON public.identity_providers USING ((tenant_id = ( SELECT (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid AS "nullif"))) WITH CHECK ((tenant_id = ( SELECT (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid AS "nullif")));

--
-- Name: lanes; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.lanes ENABLE ROW LEVEL SECURITY;

--
-- Name: lanes lanes_tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY lanes_tenant ON public.lanes USING ((tenant_id = ( SELECT (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid AS "nullif"))) WITH CHECK ((tenant_id = ( SELECT (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid AS "nullif")));

--
-- Name: locations; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.locations ENABLE ROW LEVEL SECURITY;

--
-- Name: locations locations_tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY locations_tenant ON public.locations USING ((tenant_id = ( SELECT (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid AS "nullif"))) WITH CHECK ((tenant_id = ( SELECT (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid AS "nullif")));

--
-- Name: notification_channels; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.notification_channels ENABLE ROW LEVEL SECURITY;

--
-- Name: notification_channels notification_channels_tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY notification_channels_tenant ON public.notification_channels USING ((tenant_id = ( SELECT (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid AS "nullif"))) WITH CHECK ((tenant_id = ( SELECT (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid AS "nullif")));

--
-- Name: notifications; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.notifications ENABLE ROW LEVEL SECURITY;

--
-- Name: notifications notifications_tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY notifications_tenant ON public.notifications USING ((tenant_id = ( SELECT (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid AS "nullif"))) WITH CHECK ((tenant_id = ( SELECT (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid AS "nullif")));

--
-- Name: outbox; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.outbox ENABLE ROW LEVEL SECURITY;

--
-- Name: outbox outbox_old_deleted; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY outbox_old_deleted ON public.outbox FOR DELETE TO holdfast USING (true);

--
-- Name: outbox outbox_old_locked; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY outbox_old_locked ON public.outbox FOR UPDATE TO holdfast USING (true);

--
-- Name: outbox outbox_oldest; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY outbox_oldest ON public.outbox FOR SELECT TO holdfast USING (true);

--
-- Name: outbox outbox_tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY outbox_tenant ON public.outbox USING ((tenant_id = ( SELECT (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid AS "nullif"))) WITH CHECK ((tenant_id = ( SELECT (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid AS "nullif")));

--
-- Name: overrides; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.overrides ENABLE ROW LEVEL SECURITY;

--
-- Name: overrides overrides_tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY overrides_tenant ON public.overrides USING ((tenant_id = ( SELECT (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid AS "nullif"))) WITH CHECK ((tenant_id = ( SELECT (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid AS "nullif")));

--
-- Name: personal_keys; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.personal_keys ENABLE ROW LEVEL SECURITY;

--
-- Name: personal_keys personal_keys_tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY personal_keys_tenant ON public.personal_keys USING ((tenant_id = ( SELECT (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid AS "nullif"))) WITH CHECK ((tenant_id = ( SELECT (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid AS "nullif")));

--
-- Name: requirement_resources; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.requirement_resources ENABLE ROW LEVEL SECURITY;

--
-- Name: requirement_resources requirement_resources_tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY requirement_resources_tenant ON public.requirement_resources USING ((tenant_id = ( SELECT (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid AS "nullif"))) WITH CHECK ((tenant_id = ( SELECT (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid AS "nullif")));

--
-- Name: requirements; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.requirements ENABLE ROW LEVEL SECURITY;

--
-- Name: requirements requirements_tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY requirements_tenant ON public.requirements USING ((tenant_id = ( SELECT (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid AS "nullif"))) WITH CHECK ((tenant_id = ( SELECT (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid AS "nullif")));

--
-- Name: resources; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.resources ENABLE ROW LEVEL SECURITY;

--
-- Name: resources resources_tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY resources_tenant ON public.resources USING ((tenant_id = ( SELECT (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid AS "nullif"))) WITH CHECK ((tenant_id = ( SELECT (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid AS "nullif")));

--
-- Name: secrets; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.secrets ENABLE ROW LEVEL SECURITY;

--
-- Name: secrets secrets_tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY secrets_tenant ON public.secrets USING ((tenant_id = ( SELECT (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid AS "nullif"))) WITH CHECK ((tenant_id = ( SELECT (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid AS "nullif")));

--
-- Name: services; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.services ENABLE ROW LEVEL SECURITY;

--
-- Name: services services_tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY services_tenant ON public.services USING ((tenant_id = ( SELECT (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid AS "nullif"))) WITH CHECK ((tenant_id = ( SELECT (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid AS "nullif")));

--
-- Name: sign_in_links; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.sign_in_links ENABLE ROW LEVEL SECURITY;

--
-- Name: sign_in_links sign_in_links_tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY sign_in_links_tenant ON public.sign_in_links USING ((tenant_id = ( SELECT (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid AS "nullif"))) WITH CHECK ((tenant_id = ( SELECT (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid AS "nullif")));

--
-- Name: signing_keys; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.signing_keys ENABLE ROW LEVEL SECURITY;

--
-- Name: signing_keys signing_keys_tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY signing_keys_tenant ON public.signing_keys USING ((tenant_id = ( SELECT (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid AS "nullif"))) WITH CHECK ((tenant_id = ( SELECT (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid AS "nullif")));

--
-- Name: suppressions; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.suppressions ENABLE ROW LEVEL SECURITY;

--
-- Name: suppressions suppressions_tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY suppressions_tenant ON public.suppressions USING ((tenant_id = ( SELECT (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid AS "nullif"))) WITH CHECK ((tenant_id = ( SELECT (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid AS "nullif")));

--
-- Name: time_off; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.time_off ENABLE ROW LEVEL SECURITY;

--
-- Name: time_off time_off_tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY time_off_tenant ON public.time_off USING ((tenant_id = ( SELECT (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid AS "nullif"))) WITH CHECK ((tenant_id = ( SELECT (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid AS "nullif")));

--
-- Name: user_sessions; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.user_sessions ENABLE ROW LEVEL SECURITY;

--
-- Name: user_sessions user_sessions_tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY user_sessions_tenant ON public.user_sessions USING ((tenant_id = ( SELECT (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid AS "nullif"))) WITH CHECK ((tenant_id = ( SELECT (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid AS "nullif")));

--
-- Name: users; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.users ENABLE ROW LEVEL SECURITY;

--
-- Name: users users_of_the_owner; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY users_of_the_owner ON public.users FOR SELECT TO holdfast USING (true);

--
-- Name: users users_tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY users_tenant ON public.users USING ((tenant_id = ( SELECT (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid AS "nullif"))) WITH CHECK ((tenant_id = ( SELECT (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid AS "nullif")));

--
-- Name: webhook_deliveries; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.webhook_deliveries ENABLE ROW LEVEL SECURITY;

--
-- Name: webhook_deliveries webhook_deliveries_tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY webhook_deliveries_tenant ON public.webhook_deliveries USING ((tenant_id = ( SELECT (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid AS "nullif"))) WITH CHECK ((tenant_id = ( SELECT (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid AS "nullif")));

--
-- Name: webhook_endpoints; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.webhook_endpoints ENABLE ROW LEVEL SECURITY;

--
-- Name: webhook_endpoints webhook_endpoints_of_the_owner; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY webhook_endpoints_of_the_owner ON public.webhook_endpoints FOR SELECT TO holdfast USING (true);

--
-- Name: webhook_endpoints webhook_endpoints_tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY webhook_endpoints_tenant ON public.webhook_endpoints USING ((tenant_id = ( SELECT (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid AS "nullif"))) WITH CHECK ((tenant_id = ( SELECT (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid AS "nullif")));

--
-- Name: SCHEMA public; Type: ACL; Schema: -; Owner: -
--

GRANT USAGE ON SCHEMA public TO holdfast_app;

--
-- Name: FUNCTION delete_archived(most integer); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.delete_archived(most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.delete_archived(most integer) TO holdfast_app;

--
-- Name: FUNCTION delete_old_events(age interval, most integer); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.delete_old_events(age interval, most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.delete_old_events(age interval, most integer) TO holdfast_app;

--
-- Name: FUNCTION events_head(); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.events_head() FROM PUBLIC;
GRANT ALL ON FUNCTION public.events_head() TO holdfast_app;

--
-- Name: FUNCTION events_news(after bigint, most integer); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.events_news(after bigint, most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.events_news(after bigint, most integer) TO holdfast_app;

--
-- Name: FUNCTION identity_providers_of(named text, audiences text[]); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.identity_providers_of(named text, audiences text[]) FROM PUBLIC;
GRANT ALL ON FUNCTION public.identity_providers_of(named text, audiences text[]) TO holdfast_app;

--
-- Name: FUNCTION link_audit_entries(most integer); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.link_audit_entries(most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.link_audit_entries(most integer) TO holdfast_app;

--
-- Name: FUNCTION outbox_oldest(); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.outbox_oldest() FROM PUBLIC;
GRANT ALL ON FUNCTION public.outbox_oldest() TO holdfast_app;

--
-- Name: FUNCTION relay_events(most integer); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.relay_events(most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.relay_events(most integer) TO holdfast_app;

--
-- Name: FUNCTION remove_rows_of_business(tenant uuid, most integer); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.remove_rows_of_business(tenant uuid, most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.remove_rows_of_business(tenant uuid, most integer) TO holdfast_app;

--
-- Name: FUNCTION users_of(digests bytea[]); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.users_of(digests bytea[]) FROM PUBLIC;
GRANT ALL ON FUNCTION public.users_of(digests bytea[]) TO holdfast_app;

--
-- Name: FUNCTION webhook_endpoints_of(businesses uuid[]); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.webhook_endpoints_of(businesses uuid[]) FROM PUBLIC;
GRANT ALL ON FUNCTION public.webhook_endpoints_of(businesses uuid[]) TO holdfast_app;

--
-- Name: TABLE api_keys; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,UPDATE ON TABLE public.api_keys TO holdfast_app;

--
-- Name: TABLE appointment_resources; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.appointment_resources TO holdfast_app;

--
-- Name: TABLE appointments; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,UPDATE ON TABLE public.appointments TO holdfast_app;

--
-- Name: TABLE audit_entries; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT ON TABLE public.audit_entries TO holdfast_app;

--
-- Name: TABLE audit_links; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT ON TABLE public.audit_links TO holdfast_app;

--
-- Name: TABLE audit_queue; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT ON TABLE public.audit_queue TO holdfast_app;

--
-- Name: TABLE breaks; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.breaks TO holdfast_app;

--
-- Name: TABLE business_keys; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.business_keys TO holdfast_app;

--
-- Name: TABLE businesses; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,UPDATE ON TABLE public.businesses TO holdfast_app;

--
-- Name: TABLE claims; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.claims TO holdfast_app;

--
-- Name: TABLE consents; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.consents TO holdfast_app;

--
-- Name: TABLE customers; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,UPDATE ON TABLE public.customers TO holdfast_app;

--
-- Name: TABLE due_work; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.due_work TO holdfast_app;

--
-- Name: TABLE erasures; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.erasures TO holdfast_app;

--
-- Name: TABLE events; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT ON TABLE public.events TO holdfast_app;

--
-- Name: TABLE hours; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.hours TO holdfast_app;

--
-- Name: TABLE idempotency_keys; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.idempotency_keys TO holdfast_app;

--
-- Name: TABLE identity_providers; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.identity_providers TO holdfast_app;

--
-- Name: TABLE invalidations; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE ON TABLE public.invalidations TO holdfast_app;

--
-- Name: TABLE key_canaries; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE ON TABLE public.key_canaries TO holdfast_app;

--
-- Name: TABLE lanes; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT ON TABLE public.lanes TO holdfast_app;

--
-- Name: TABLE locations; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,UPDATE ON TABLE public.locations TO holdfast_app;

--
-- Name: TABLE notification_channels; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.notification_channels TO holdfast_app;

--
-- Name: TABLE notifications; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.notifications TO holdfast_app;

--
-- Name: TABLE operator_requests; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.operator_requests TO holdfast_app;

--
-- Name: TABLE outbox; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.outbox TO holdfast_app;

--
-- Name: TABLE overrides; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.overrides TO holdfast_app;

--
-- Name: TABLE personal_keys; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.personal_keys TO holdfast_app;

--
-- Name: TABLE requirement_resources; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.requirement_resources TO holdfast_app;

--
-- Name: TABLE requirements; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.requirements TO holdfast_app;

--
-- Name: TABLE resources; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,UPDATE ON TABLE public.resources TO holdfast_app;

--
-- Name: TABLE secrets; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.secrets TO holdfast_app;

--
-- Name: TABLE services; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,UPDATE ON TABLE public.services TO holdfast_app;

--
-- Name: TABLE sign_in_attempts; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.sign_in_attempts TO holdfast_app;

--
-- Name: TABLE sign_in_links; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.sign_in_links TO holdfast_app;

--
-- Name: TABLE signing_keys; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.signing_keys TO holdfast_app;

--
-- Name: TABLE standings; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.standings TO holdfast_app;

--
-- Name: TABLE suppressions; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.suppressions TO holdfast_app;

--
-- Name: TABLE tasks; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.tasks TO holdfast_app;

--
-- Name: TABLE time_off; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.time_off TO holdfast_app;

--
-- Name: TABLE user_sessions; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.user_sessions TO holdfast_app;

--
-- Name: TABLE users; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.users TO holdfast_app;

--
-- Name: TABLE webhook_deliveries; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.webhook_deliveries TO holdfast_app;

--
-- Name: TABLE webhook_endpoints; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.webhook_endpoints TO holdfast_app;

--
-- PostgreSQL database dump complete
--
