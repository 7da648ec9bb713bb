-- Nobody who writes borrows the owner's rights: what runs as its owner looks for nothing where a caller can
-- put something of his own. A temporary type "text" ran as the owner, out of the trigger that chains the
-- journal; temporary tables "alert" and "retention" had a redaction pass over what is held.
CREATE OR REPLACE FUNCTION journal_is_chained() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_actor bytea := convert_to(NEW.actor, 'UTF8');
    v_rest  bytea;
BEGIN
    NEW.chain := coalesce(NEW.alert_id, NEW.assignment_id, '00000000-0000-0000-0000-000000000000');
    NEW.salt := uuid_send(gen_random_uuid());
    NEW.content := sha256(NEW.salt || int4send(length(v_actor)) || v_actor
                          || convert_to(NEW.details::text, 'UTF8'));
    v_rest := int8send(NEW.no) || timestamptz_send(NEW.at)
           || coalesce(uuid_send(NEW.alert_id), '\x00000000000000000000000000000000')
           || coalesce(uuid_send(NEW.assignment_id), '\x00000000000000000000000000000000')
           || NEW.content || convert_to(NEW.kind, 'UTF8');
    INSERT INTO public.journal_head AS h (chain, number, hash)
    VALUES (NEW.chain, 1, sha256(decode(repeat('00', 32), 'hex') || int8send(1) || v_rest))
    ON CONFLICT (chain) DO UPDATE
        SET number = h.number + 1, hash = sha256(h.hash || int8send(h.number + 1) || v_rest)
    RETURNING h.number, h.hash INTO NEW.number, NEW.hash;
    RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION journal_redact(p_chain uuid, p_before timestamptz, p_now timestamptz, p_actor text, p_ground text)
RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_past bigint;
    v_from bigint;
    v_to   bigint;
    v_done bigint;
BEGIN
    IF p_ground !~ '^[a-z0-9_]{1,64}$' THEN
        RAISE EXCEPTION 'the ground of a redaction is a code' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM FROM public.alert a WHERE a.id = p_chain FOR SHARE;
    IF EXISTS (SELECT FROM public.alert a WHERE a.id = p_chain AND a.status <> 'closed')
       OR EXISTS (SELECT FROM public.retention r WHERE r.alert_id = p_chain AND r.hold) THEN
        RETURN 0;
    END IF;
    SELECT h.redacted INTO v_past FROM public.journal_head h WHERE h.chain = p_chain FOR UPDATE;  -- two at once take turns
    SELECT j.number - 1 INTO v_to FROM public.journal j
    WHERE j.chain = p_chain AND j.number > v_past AND j.at >= p_before ORDER BY j.number LIMIT 1;
    IF NOT FOUND THEN
        SELECT max(j.number) INTO v_to FROM public.journal j WHERE j.chain = p_chain;
    END IF;
    IF v_to IS NULL OR v_to <= v_past THEN
        RETURN 0;
    END IF;
    UPDATE public.journal_head SET redacted = v_to WHERE chain = p_chain;
    SELECT min(number) INTO v_from FROM public.journal
    WHERE chain = p_chain AND number > v_past AND number <= v_to AND salt IS NOT NULL AND kind <> 'redacted';
    IF v_from IS NULL THEN
        RETURN 0;
    END IF;
    UPDATE public.journal SET actor = NULL, details = NULL, salt = NULL
    WHERE chain = p_chain AND number BETWEEN v_from AND v_to AND salt IS NOT NULL AND kind <> 'redacted';
    GET DIAGNOSTICS v_done = ROW_COUNT;
    INSERT INTO public.journal (at, actor, alert_id, assignment_id, kind, details)
    SELECT p_now, p_actor, j.alert_id, j.assignment_id, 'redacted',
           jsonb_build_object('from', v_from, 'to', v_to, 'entries', v_done, 'ground', p_ground)
    FROM public.journal j WHERE j.chain = p_chain AND j.number = v_from;
    RETURN v_done;
END $$;

-- Whose context says so is known in whatever language the database speaks: in a French one ("fonction
-- PL/pgSQL …") every redaction was refused. And a statement that only names it is none.
CREATE OR REPLACE FUNCTION journal_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    v_called text;
BEGIN
    GET DIAGNOSTICS v_called = PG_CONTEXT;  -- in the database's language, but for names and types
    IF TG_OP = 'UPDATE' AND TG_TABLE_NAME = 'journal' AND v_called ~ '[ .]journal_redact\(uuid,timestamp' THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'the journal is append-only' USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE FUNCTION journal_redaction_is_one() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_called text;
BEGIN
    GET DIAGNOSTICS v_called = PG_CONTEXT;
    IF v_called !~ '[ .]journal_redact\(uuid,timestamp' OR current_user <> (
        SELECT pg_get_userbyid(p.proowner) FROM pg_proc p
        WHERE p.proname = 'journal_redact' AND p.pronamespace = 'public'::regnamespace
    ) THEN
        RAISE EXCEPTION 'only a redaction says so' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER journal_redaction_is_one BEFORE INSERT ON journal
    FOR EACH ROW WHEN (NEW.kind = 'redacted') EXECUTE FUNCTION journal_redaction_is_one();
