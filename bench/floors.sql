-- name: press
-- The rows of one press that opens an alert, by plain INSERTs and nothing else.
CREATE FUNCTION bench_press(
    p_device text, p_press uuid, p_alert uuid, p_case text, p_assignment uuid, p_at timestamptz,
    p_raw bytea, p_key bytea, p_digest bytea, p_plan jsonb, p_fix bytea
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_no bigint;
BEGIN
    INSERT INTO press (device, reply_to, id, sent_id, seq, attempt, tst, pressed_at, received_at, age_s,
                       trigger, path, batt, doubts, digest, retained, raw, raw_key, last_seen_at)
    VALUES (p_device, p_device, p_press, p_press::text, 1, 1, 1700000000, p_at, p_at, 0.2, 'button',
            'mqtt', 74, '{}', p_digest, false, p_raw, p_key, p_at)
    RETURNING no INTO v_no;
    INSERT INTO alert (id, case_id, device, reply_to, known, assignment_id, consent, located, listen, plan,
                       key, opened_at, forget_at, first_tst, pressed_at, last_press_id, last_press_at)
    VALUES (p_alert, p_case, p_device, p_device, true, p_assignment, 'given', true, 'mic_only', p_plan,
            p_key, p_at, p_at + interval '3 days', 1700000000, p_at, p_press, p_at);
    INSERT INTO alert_press (press_no, alert_id) VALUES (v_no, p_alert);
    INSERT INTO deadline (alert_id, name, due_at)
    VALUES (p_alert, 'overflow', p_at), (p_alert, 'answer', p_at), (p_alert, 'contact', p_at);
    INSERT INTO position (alert_id, press_no, fix, key, fixed_at, received_at, doubts)
    VALUES (p_alert, v_no, p_fix, p_key, p_at, p_at, '{}');
    INSERT INTO journal (at, actor, alert_id, kind, details)
    VALUES (p_at, 'phone', p_alert, 'press',
            '{"press": "00000000-0000-0000-0000-000000000000", "doubts": [], "opened": true}');
END $$;

-- name: row
-- The smallest commit there is: one row, one index.
CREATE TABLE bench_row (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, at timestamptz NOT NULL);

-- name: decide
-- The rows of one verdict "police" on a ringing alert, and a NOTIFY.
CREATE FUNCTION bench_decide(
    p_alert uuid, p_dispatch uuid, p_envelope uuid, p_task uuid, p_room text, p_at timestamptz
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE alert SET status = 'police', rings = 'everyone', answered_at = p_at, answered_by = 'bench',
                     verdict = 'police', verdict_by = 'bench', verdict_at = p_at, police_at = p_at,
                     told = 2, told_state = 'answered'
    WHERE id = p_alert;
    DELETE FROM deadline WHERE alert_id = p_alert AND dispatch_id IS NULL AND name IN ('overflow', 'answer');
    INSERT INTO dispatch (id, alert_id, room_id, line, lead, state, dispatched_at)
    VALUES (p_dispatch, p_alert, p_room, 0, true, 'pending', p_at);
    INSERT INTO envelope (id, dispatch_id, alert_id, purpose, round, line, created_at, expires_at, next_at)
    VALUES (p_envelope, p_dispatch, p_alert, 'report', 1, 0, p_at, p_at + interval '1 hour', p_at);
    INSERT INTO deadline (alert_id, dispatch_id, name, due_at) VALUES (p_alert, p_dispatch, 'acknowledged', p_at);
    INSERT INTO task (id, alert_id, dispatch_id, kind, about, room_id, number, red, raised_at)
    VALUES (p_task, p_alert, p_dispatch, 'voice', 'dispatch', p_room, '+33549000017', false, p_at);
    INSERT INTO journal (at, actor, alert_id, kind, details)
    VALUES (p_at, 'bench', p_alert, 'verdict', '{"before": null, "verdict": "police"}'),
           (p_at, 'bench', p_alert, 'answered', '{}'),
           (p_at, 'bench', p_alert, 'dispatched', '{"room": "salle", "share": 1.0, "why": "zone", "dispatch": "00000000-0000-0000-0000-000000000000"}');
    INSERT INTO downlink (reply_to, message, at)
    VALUES ('floor', '{"_type": "state", "alert": "00000000-0000-0000-0000-000000000000", "state": "answered", "n": 2, "at": 0}', p_at);
    PERFORM pg_notify('bench', 'send');
END $$;

-- name: claim
-- The rows of one claim of an envelope, with its content.
CREATE FUNCTION bench_claim(p_alert uuid, p_dispatch uuid, p_envelope uuid, p_at timestamptz, p_content bytea)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE envelope SET state = 'sending', lease_until = p_at, attempts = 1, content = p_content WHERE id = p_envelope;
    UPDATE dispatch SET state = 'sending', attempts = 1 WHERE id = p_dispatch;
    INSERT INTO deadline (alert_id, dispatch_id, name, due_at) VALUES (p_alert, p_dispatch, 'received', p_at);
END $$;

-- name: grant
GRANT EXECUTE ON FUNCTION bench_press, bench_decide, bench_claim TO tgd_app;
GRANT INSERT ON bench_row TO tgd_app;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO tgd_app;
