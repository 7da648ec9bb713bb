-- An alert is acted upon whole: locked, read, changed by the rules, and saved, in two round trips.
--
-- Whoever touches the rows of an alert locks the alert first: then no two of them can stand in
-- each other's way, and none can miss what the other wrote.

CREATE VIEW envelope_head AS
SELECT id, dispatch_id, alert_id, purpose, round, line, state, created_at, expires_at, next_at, lease_until
FROM envelope;
GRANT SELECT ON envelope_head TO tgd_app;

CREATE FUNCTION hold_alerts(p_ids uuid[])
RETURNS TABLE (held alert, running deadline[], told dispatch[], sent envelope_head[], calls task[])
LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
BEGIN
    PERFORM FROM alert a WHERE a.id = ANY (p_ids) ORDER BY a.id FOR UPDATE;
    -- A second statement, hence a second snapshot: it sees what the last holder committed.
    RETURN QUERY
    SELECT a,
           ARRAY(SELECT d FROM deadline d WHERE d.alert_id = a.id ORDER BY d.no),
           ARRAY(SELECT d FROM dispatch d WHERE d.alert_id = a.id ORDER BY d.lead DESC, d.dispatched_at),
           CASE WHEN a.police_at IS NULL THEN '{}'
                ELSE ARRAY(SELECT e FROM envelope_head e WHERE e.alert_id = a.id ORDER BY e.created_at) END,
           ARRAY(SELECT t FROM task t WHERE t.alert_id = a.id ORDER BY t.raised_at)
    FROM alert a WHERE a.id = ANY (p_ids) ORDER BY a.id;
END $$;

CREATE INDEX envelope_alert ON envelope (alert_id);
CREATE INDEX dispatch_alert ON dispatch (alert_id);

-- What has not changed is an empty list, and costs no statement.
-- p_changes: {"alerts": [row…], "stopped": [{alert_id, dispatch_id, name}…], "running": [row…],
-- "dispatches": [row…], "envelopes": [row…], "tasks": [row…], "facts": [row…], "phone": [row…]}
CREATE FUNCTION save_alerts(p_changes jsonb) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE alert a SET
        status = r.status, rings = r.rings, answered_at = r.answered_at, answered_by = r.answered_by,
        voice = r.voice, voice_at = r.voice_at, nobody = r.nobody, holder_heard_at = r.holder_heard_at,
        extended = r.extended, verdict = r.verdict, verdict_by = r.verdict_by, verdict_at = r.verdict_at,
        reason = r.reason, police_at = r.police_at, coerced = r.coerced, told_rooms_at = r.told_rooms_at,
        contact_lost_at = r.contact_lost_at, outcome = r.outcome, closed_at = r.closed_at,
        closed_by = r.closed_by, told = r.told, told_state = r.told_state
    FROM jsonb_populate_recordset(NULL::alert, p_changes -> 'alerts') AS r WHERE a.id = r.id;

    IF p_changes -> 'stopped' <> '[]' THEN
        DELETE FROM deadline d
        USING jsonb_to_recordset(p_changes -> 'stopped') AS r (alert_id uuid, dispatch_id uuid, name text)
        WHERE d.alert_id = r.alert_id AND d.name = r.name AND d.dispatch_id IS NOT DISTINCT FROM r.dispatch_id;
    END IF;

    IF p_changes -> 'dispatches' <> '[]' THEN
        INSERT INTO dispatch (id, alert_id, room_id, line, lead, state, round, attempts, dispatched_at,
                              sent_at, acknowledged_at, acknowledged_by, reference)
        SELECT r.id, r.alert_id, r.room_id, r.line, r.lead, r.state, r.round, r.attempts, r.dispatched_at,
               r.sent_at, r.acknowledged_at, r.acknowledged_by, r.reference
        FROM jsonb_populate_recordset(NULL::dispatch, p_changes -> 'dispatches') AS r
        ON CONFLICT (id) DO UPDATE SET
            line = excluded.line, state = excluded.state, round = excluded.round, sent_at = excluded.sent_at,
            attempts = excluded.attempts,
            acknowledged_at = excluded.acknowledged_at, acknowledged_by = excluded.acknowledged_by,
            reference = excluded.reference;
    END IF;

    IF p_changes -> 'envelopes' <> '[]' THEN
        INSERT INTO envelope (id, dispatch_id, alert_id, purpose, round, line, state, created_at, expires_at,
                              next_at, lease_until)
        SELECT r.id, r.dispatch_id, r.alert_id, r.purpose, r.round, r.line, r.state, r.created_at,
               r.expires_at, r.next_at, r.lease_until
        FROM jsonb_populate_recordset(NULL::envelope, p_changes -> 'envelopes') AS r
        ON CONFLICT (id) DO UPDATE SET
            state = excluded.state, next_at = excluded.next_at, lease_until = excluded.lease_until;
    END IF;

    IF p_changes -> 'running' <> '[]' THEN
        INSERT INTO deadline (alert_id, dispatch_id, name, due_at, late)
        SELECT r.alert_id, r.dispatch_id, r.name, r.due_at, r.late
        FROM jsonb_populate_recordset(NULL::deadline, p_changes -> 'running') AS r
        ON CONFLICT (alert_id, dispatch_id, name) DO UPDATE SET due_at = excluded.due_at, late = excluded.late;
    END IF;

    IF p_changes -> 'tasks' <> '[]' THEN
        INSERT INTO task (id, alert_id, dispatch_id, kind, about, room_id, number, red, raised_at, done_at, done_by)
        SELECT r.id, r.alert_id, r.dispatch_id, r.kind, r.about, r.room_id, r.number, r.red, r.raised_at,
               r.done_at, r.done_by
        FROM jsonb_populate_recordset(NULL::task, p_changes -> 'tasks') AS r
        ON CONFLICT (id) DO UPDATE SET red = excluded.red, done_at = excluded.done_at, done_by = excluded.done_by;
    END IF;

    INSERT INTO journal (at, actor, alert_id, kind, details)
    SELECT r.at, r.actor, r.alert_id, r.kind, r.details
    FROM jsonb_populate_recordset(NULL::journal, p_changes -> 'facts') AS r;

    IF p_changes -> 'phone' <> '[]' THEN
        INSERT INTO downlink (reply_to, message, at)
        SELECT r.reply_to, r.message, r.at
        FROM jsonb_populate_recordset(NULL::downlink, p_changes -> 'phone') AS r;
    END IF;

    -- Law: positions of what was a test or a mistake go at the closing.
    DELETE FROM position p
    USING jsonb_populate_recordset(NULL::alert, p_changes -> 'alerts') AS r
    WHERE p.alert_id = r.id AND r.status = 'closed' AND r.verdict IN ('test', 'accidental');

    PERFORM pg_notify('tgd', 'alert');
    IF jsonb_array_length(p_changes -> 'envelopes') > 0 THEN
        PERFORM pg_notify('tgd', 'send');
    END IF;
    IF jsonb_array_length(p_changes -> 'phone') > 0 THEN
        PERFORM pg_notify('tgd', 'downlink');
    END IF;
END $$;

-- Arrow 3: take what is to be sent now, for the length of a lease. The content, where it was
-- built already, comes with it; else the caller builds it and gives it to keep_contents before
-- the transaction ends, so that a repetition is the same to the letter.
CREATE FUNCTION claim_envelopes(p_now timestamptz, p_lease interval, p_limit int)
RETURNS TABLE (envelope_id uuid, content bytea, held alert, told dispatch, beneficiary text, number text,
               room room, room_line room_line, purpose text, created_at timestamptz, expires_at timestamptz,
               attempts int, rooms_told text[], latest_press timestamptz, doubts text[], positions "position"[])
LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
#variable_conflict use_column
DECLARE
    v_ids uuid[];
BEGIN
    -- What is only of use now, or concerns a case that is closed, does not outlive its hour.
    UPDATE envelope e SET state = 'expired'
    FROM alert a
    WHERE a.id = e.alert_id AND e.state = 'waiting' AND e.expires_at <= p_now
      AND (e.purpose = 'contact' OR a.status = 'closed');

    SELECT array_agg(c.id) INTO v_ids FROM (
        SELECT e.id
        FROM envelope e JOIN alert a ON a.id = e.alert_id
        WHERE e.state IN ('waiting', 'sending')
          AND e.next_at <= p_now AND (e.lease_until IS NULL OR e.lease_until <= p_now)
          -- A room hears of a case first by its Report: what was raised later waits its turn.
          AND NOT EXISTS (
              SELECT FROM envelope b WHERE b.dispatch_id = e.dispatch_id AND b.no < e.no
                AND b.state IN ('waiting', 'sending') AND b.round = e.round)
        ORDER BY e.next_at, e.no LIMIT p_limit
        FOR UPDATE OF a, e SKIP LOCKED) AS c;
    IF v_ids IS NULL THEN
        RETURN;
    END IF;

    -- The lease outlives the line's time-out by p_lease and no more: what a dead server was sending
    -- is not to wait longer than a slow room may take.
    UPDATE envelope e SET state = 'sending', attempts = e.attempts + 1, lease_until = p_now + p_lease + (
        SELECT coalesce(max(l.timeout_s), 0) * interval '1 second'
        FROM dispatch d JOIN room_line l ON l.room_id = d.room_id WHERE d.id = e.dispatch_id)
    WHERE e.id = ANY (v_ids);

    UPDATE dispatch d SET
        attempts = d.attempts + 1,
        state = CASE WHEN e.round = d.round AND e.purpose IN ('report', 'press') AND d.state = 'pending'
                     THEN 'sending' ELSE d.state END
    FROM envelope e WHERE e.id = ANY (v_ids) AND d.id = e.dispatch_id;

    -- From the first sending a room has so long to confirm the receipt.
    INSERT INTO deadline (alert_id, dispatch_id, name, due_at)
    SELECT DISTINCT ON (e.dispatch_id) e.alert_id, e.dispatch_id, 'received',
           p_now + (a.plan ->> 'received')::float8 * interval '1 second'
    FROM envelope e JOIN alert a ON a.id = e.alert_id
    WHERE e.id = ANY (v_ids) AND e.purpose <> 'contact' AND a.status = 'police'
    ON CONFLICT (alert_id, dispatch_id, name) DO NOTHING;

    RETURN QUERY
    SELECT e.id, e.content, a, d, b.label, v.number, r, l.x, e.purpose, e.created_at, e.expires_at, e.attempts,
           ARRAY(SELECT o.address FROM dispatch x JOIN room o ON o.id = x.room_id
                 WHERE x.alert_id = a.id ORDER BY x.lead DESC, x.dispatched_at),
           p.pressed_at,
           ARRAY(SELECT DISTINCT unnest(q.doubts) FROM alert_press k JOIN press q ON q.no = k.press_no
                 WHERE k.alert_id = a.id),
           CASE WHEN e.content IS NULL
                THEN ARRAY(SELECT q FROM position q WHERE q.alert_id = a.id ORDER BY q.no DESC LIMIT 20) END
    FROM envelope e
    JOIN alert a ON a.id = e.alert_id
    JOIN dispatch d ON d.id = e.dispatch_id
    JOIN room r ON r.id = d.room_id
    -- The line of this message, or, where the rooms were imported anew without it, the first.
    LEFT JOIN LATERAL (
        SELECT x FROM room_line x WHERE x.room_id = r.id AND x.adapter = 'https'
        ORDER BY (x.line <> e.line), x.line LIMIT 1) AS l ON true
    LEFT JOIN assignment s ON s.id = a.assignment_id
    LEFT JOIN beneficiary b ON b.id = s.beneficiary_id
    LEFT JOIN device v ON v.id = a.device
    LEFT JOIN press p ON p.device = a.device AND p.id = a.last_press_id
    WHERE e.id = ANY (v_ids) ORDER BY e.no;
END $$;

-- What became of each sending; p_retry_s is null where it was delivered. A sending that lost its
-- lease meanwhile, or was overtaken by the room's answer, changes nothing but the ladder's rise.
CREATE FUNCTION record_sent(
    p_id uuid[], p_at timestamptz[], p_retry_at timestamptz[], p_error text[]
) RETURNS TABLE (alert_id uuid, first_s float8) LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
#variable_conflict use_column
BEGIN
    PERFORM FROM alert a WHERE a.id IN (SELECT e.alert_id FROM envelope e WHERE e.id = ANY (p_id))
    ORDER BY a.id FOR UPDATE;

    -- A room that stays away is noted once for each way in which it is away.
    INSERT INTO journal (at, actor, alert_id, kind, details)
    SELECT r.at, 'sending', e.alert_id, CASE WHEN r.retry_at IS NULL THEN 'sent' ELSE 'not_sent' END,
           jsonb_build_object('message', e.id, 'purpose', e.purpose, 'attempt', e.attempts, 'error', r.error)
    FROM unnest(p_id, p_at, p_retry_at, p_error) AS r (id, at, retry_at, error)
    JOIN envelope e ON e.id = r.id
    WHERE r.retry_at IS NULL OR r.error IS DISTINCT FROM e.error;

    UPDATE envelope e SET
        state = CASE WHEN r.retry_at IS NULL THEN 'delivered' ELSE 'waiting' END,
        lease_until = NULL,
        next_at = coalesce(r.retry_at, e.next_at),
        delivered_at = coalesce(e.delivered_at, CASE WHEN r.retry_at IS NULL THEN r.at END),
        error = r.error
    FROM unnest(p_id, p_at, p_retry_at, p_error) AS r (id, at, retry_at, error)
    WHERE e.id = r.id AND e.state = 'sending';

    RETURN QUERY
    WITH risen AS (
        UPDATE dispatch d SET
            sent_at = coalesce(d.sent_at, r.at),
            state = CASE WHEN ladder_rank(d.state) < ladder_rank('delivered') THEN 'delivered' ELSE d.state END
        FROM unnest(p_id, p_at, p_retry_at) AS r (id, at, retry_at)
        JOIN envelope e ON e.id = r.id
        WHERE d.id = e.dispatch_id AND r.retry_at IS NULL AND e.round = d.round
          AND e.purpose IN ('report', 'press') AND d.sent_at IS NULL
        RETURNING d.alert_id, d.round, d.lead, d.sent_at
    ), told AS (
        UPDATE alert a SET told = a.told + 1, told_state = 'police_told'
        FROM (SELECT DISTINCT alert_id FROM risen) AS x
        WHERE a.id = x.alert_id AND NOT a.coerced AND a.status = 'police'
          AND a.told_state IN ('received', 'answered')
        RETURNING a.id, a.reply_to, a.told
    ), phone AS (
        INSERT INTO downlink (reply_to, message, at)
        SELECT t.reply_to, jsonb_build_object('_type', 'state', 'alert', t.id, 'state', 'police_told',
               'n', t.told, 'at', round(extract(epoch FROM p_at[1]), 3)), p_at[1]
        FROM told t RETURNING 1
    )
    SELECT risen.alert_id,
           CASE WHEN risen.round = 1 AND risen.lead
                THEN extract(epoch FROM risen.sent_at - a.police_at)::float8 END
    FROM risen JOIN alert a ON a.id = risen.alert_id;

    PERFORM pg_notify('tgd', 'alert');
    PERFORM pg_notify('tgd', 'downlink');
END $$;
