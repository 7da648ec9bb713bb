-- Why a file was opened is sealed under a key of its own, which goes with it from back-ups too.

ALTER TABLE break_glass ADD COLUMN key bytea;

-- How far each chain of the journal was redacted: it is looked after every hour, and may be long.
ALTER TABLE journal_head ADD COLUMN redacted bigint NOT NULL DEFAULT 0;

-- Redacts a chain's entries from its first on, as long as they are older than p_before; says so in
-- the same chain, and returns how many they were. Not what a criminal case holds, nor an open alert.
-- What was redacted before is not looked at again: chains are long, and their writers wait.
CREATE OR REPLACE FUNCTION journal_redact(p_chain uuid, p_before timestamptz, p_now timestamptz, p_actor text, p_ground text)
RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE
    v_past bigint;
    v_from bigint;
    v_to   bigint;
    v_done bigint;
BEGIN
    IF p_ground !~ '^[a-z0-9_]{1,64}$' THEN
        RAISE EXCEPTION 'the ground of a redaction is a code' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM FROM alert a WHERE a.id = p_chain FOR SHARE;
    IF EXISTS (SELECT FROM alert a WHERE a.id = p_chain AND a.status <> 'closed')
       OR EXISTS (SELECT FROM retention r WHERE r.alert_id = p_chain AND r.hold) THEN
        RETURN 0;
    END IF;
    SELECT h.redacted INTO v_past FROM journal_head h WHERE h.chain = p_chain FOR UPDATE;  -- two at once take turns
    SELECT j.number - 1 INTO v_to FROM journal j
    WHERE j.chain = p_chain AND j.number > v_past AND j.at >= p_before ORDER BY j.number LIMIT 1;
    IF NOT FOUND THEN
        SELECT max(j.number) INTO v_to FROM journal j WHERE j.chain = p_chain;
    END IF;
    IF v_to IS NULL OR v_to <= v_past THEN
        RETURN 0;
    END IF;
    UPDATE journal_head SET redacted = v_to WHERE chain = p_chain;
    SELECT min(number) INTO v_from FROM journal
    WHERE chain = p_chain AND number > v_past AND number <= v_to AND salt IS NOT NULL AND kind <> 'redacted';
    IF v_from IS NULL THEN
        RETURN 0;
    END IF;
    UPDATE journal SET actor = NULL, details = NULL, salt = NULL
    WHERE chain = p_chain AND number BETWEEN v_from AND v_to AND salt IS NOT NULL AND kind <> 'redacted';
    GET DIAGNOSTICS v_done = ROW_COUNT;
    INSERT INTO journal (at, actor, alert_id, assignment_id, kind, details)
    SELECT p_now, p_actor, j.alert_id, j.assignment_id, 'redacted',
           jsonb_build_object('from', v_from, 'to', v_to, 'entries', v_done, 'ground', p_ground)
    FROM journal j WHERE j.chain = p_chain AND j.number = v_from;
    RETURN v_done;
END $$;
