-- A room that may not know of her any more is told nothing more: another is told instead.
ALTER TABLE dispatch ADD COLUMN withdrawn_at timestamptz;

CREATE OR REPLACE FUNCTION save_alerts(p_changes jsonb) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_at timestamptz := coalesce((p_changes #>> '{facts,-1,at}')::timestamptz, now());
BEGIN
    -- Law: positions go with the consent to be located, and at the closing of what was a test or a
    -- mistake. First, as the foreign key holds an alert to its consent while it has any. Whatever
    -- went to the police may be evidence: the duty prosecutor is asked whether to hold it.
    IF p_changes @? '$.alerts[*] ? (@.status == "closed" || @.located == false)' THEN
        WITH gone AS (
            DELETE FROM position p
            USING jsonb_populate_recordset(NULL::alert, p_changes -> 'alerts') AS r
            WHERE p.alert_id = r.id
              AND (NOT r.located OR (r.status = 'closed' AND r.verdict IN ('test', 'accidental')
                   -- An operator's verdict takes nothing from a criminal case.
                   AND NOT EXISTS (SELECT FROM retention h WHERE h.alert_id = r.id AND h.hold)))
            RETURNING p.alert_id, p.press_no, p.key
        ), counted AS (
            INSERT INTO journal (at, actor, alert_id, kind, details)
            SELECT v_at, 'forget', alert_id, 'erased', jsonb_build_object('positions', count(*), 'days', 0)
            FROM gone GROUP BY alert_id
        )
        -- Their keys with them, but for those of a press and of the alert, which open more.
        INSERT INTO dead_key (key, dead_at)
        SELECT DISTINCT g.key, v_at FROM gone g JOIN alert a ON a.id = g.alert_id
        WHERE g.press_no IS NULL AND g.key IS NOT NULL AND g.key IS DISTINCT FROM a.key
        ON CONFLICT DO NOTHING;
        INSERT INTO retention (alert_id, asked_at)
        SELECT r.id, r.closed_at FROM jsonb_populate_recordset(NULL::alert, p_changes -> 'alerts') AS r
        WHERE r.status = 'closed' AND r.police_at IS NOT NULL AND r.verdict NOT IN ('test', 'accidental')
        ON CONFLICT (alert_id) DO UPDATE SET asked_at = coalesce(retention.asked_at, excluded.asked_at);
        PERFORM pg_notify('tgd', 'forget');
    END IF;

    UPDATE alert a SET
        consent = r.consent, located = r.located,
        followed_until = coalesce(r.followed_until, a.followed_until),
        forget_at = CASE WHEN r.status = 'closed' AND r.verdict IN ('test', 'accidental')
                         THEN r.closed_at ELSE a.forget_at END,
        status = r.status, rings = r.rings, answered_at = r.answered_at, answered_by = r.answered_by,
        voice = r.voice, voice_at = r.voice_at, nobody = r.nobody, holder_heard_at = r.holder_heard_at,
        extended = r.extended, verdict = r.verdict, verdict_by = r.verdict_by, verdict_at = r.verdict_at,
        reason = r.reason, police_at = r.police_at, coerced = r.coerced, told_rooms_at = r.told_rooms_at,
        contact_lost_at = r.contact_lost_at, offered_to = r.offered_to, released_at = r.released_at, outcome = r.outcome, closed_at = r.closed_at,
        closed_by = r.closed_by, told = r.told, told_state = r.told_state
    FROM jsonb_populate_recordset(NULL::alert, p_changes -> 'alerts') AS r WHERE a.id = r.id;

    IF p_changes -> 'stopped' <> '[]' THEN
        DELETE FROM deadline d
        USING jsonb_to_recordset(p_changes -> 'stopped') AS r (alert_id uuid, dispatch_id uuid, name text)
        WHERE d.alert_id = r.alert_id AND d.name = r.name AND d.dispatch_id IS NOT DISTINCT FROM r.dispatch_id;
    END IF;

    IF p_changes -> 'dispatches' <> '[]' THEN
        INSERT INTO dispatch (id, alert_id, room_id, line, lead, state, round, attempts, dispatched_at,
                              sent_at, acknowledged_at, acknowledged_by, reference, withdrawn_at)
        SELECT r.id, r.alert_id, r.room_id, r.line, r.lead, r.state, r.round, r.attempts, r.dispatched_at,
               r.sent_at, r.acknowledged_at, r.acknowledged_by, r.reference, r.withdrawn_at
        FROM jsonb_populate_recordset(NULL::dispatch, p_changes -> 'dispatches') AS r
        ON CONFLICT (id) DO UPDATE SET
            line = excluded.line, lead = excluded.lead, state = excluded.state, round = excluded.round,
            sent_at = excluded.sent_at,
            attempts = excluded.attempts,
            acknowledged_at = excluded.acknowledged_at, acknowledged_by = excluded.acknowledged_by,
            reference = excluded.reference, withdrawn_at = excluded.withdrawn_at;
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

    PERFORM pg_notify('tgd', 'alert');
    IF jsonb_array_length(p_changes -> 'envelopes') > 0 THEN
        PERFORM pg_notify('tgd', 'send');
    END IF;
    IF jsonb_array_length(p_changes -> 'phone') > 0 THEN
        PERFORM pg_notify('tgd', 'downlink');
    END IF;
END $$;
