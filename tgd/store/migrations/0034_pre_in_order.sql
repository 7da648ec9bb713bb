-- Nothing overtakes a Report, nor what was raised before it; a press takes back, at once, a closing
-- verdict that was given before it, and none that was given after.
CREATE OR REPLACE FUNCTION claim_envelopes(p_now timestamptz, p_lease interval, p_limit int)
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
    -- What is only of use now, or concerns a case that is closed, does not outlive its hour; what a
    -- later round says anew, and a verdict that a press has taken back, is not said again after it.
    UPDATE envelope e SET state = 'expired'
    FROM alert a, dispatch d
    WHERE a.id = e.alert_id AND d.id = e.dispatch_id AND e.state = 'waiting'
      AND (e.expires_at <= p_now AND (e.purpose IN ('contact', 'position') OR a.status = 'closed')
           OR e.round < d.round AND (e.purpose IN ('report', 'press')
               OR e.purpose = 'verdict' AND a.verdict NOT IN ('no_danger', 'test', 'accidental')));

    SELECT array_agg(c.id) INTO v_ids FROM (
        SELECT e.id
        FROM envelope e JOIN alert a ON a.id = e.alert_id
        WHERE e.state IN ('waiting', 'sending')
          AND e.next_at <= p_now AND (e.lease_until IS NULL OR e.lease_until <= p_now)
          -- On each of its lines a room hears of a case first by its Report, then of what happened in
          -- that order: nothing overtakes what is under way, nor within a round what waits. Nothing
          -- waits behind what is only of use for the moment, nor a round behind what an old one left.
          AND NOT EXISTS (
              SELECT FROM envelope b
              WHERE b.dispatch_id = e.dispatch_id AND b.line = e.line AND b.state IN ('waiting', 'sending')
                AND b.id <> e.id AND b.purpose NOT IN ('contact', 'position')
                AND (b.no < e.no AND b.lease_until > p_now
                     OR (b.round = e.round OR b.purpose = 'report')
                        AND (b.purpose <> 'report', b.no) < (e.purpose <> 'report', e.no)))
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
    WHERE e.id = ANY (v_ids) AND e.purpose NOT IN ('contact', 'position') AND a.status = 'police'
    ON CONFLICT (alert_id, dispatch_id, name) DO NOTHING;

    RETURN QUERY
    SELECT e.id, e.content, a, d, b.label, v.number, r, l.x, e.purpose, e.created_at, e.expires_at, e.attempts,
           ARRAY(SELECT o.address FROM dispatch x JOIN room o ON o.id = x.room_id
                 WHERE x.alert_id = a.id ORDER BY x.lead DESC, x.dispatched_at),
           p.pressed_at,
           ARRAY(SELECT DISTINCT unnest(q.doubts) FROM alert_press k JOIN press q ON q.no = k.press_no
                 WHERE k.alert_id = a.id),
           CASE WHEN e.content IS NULL
                THEN ARRAY(SELECT q FROM position q WHERE q.alert_id = a.id ORDER BY q.no DESC LIMIT 12) END
    FROM envelope e
    JOIN alert a ON a.id = e.alert_id
    JOIN dispatch d ON d.id = e.dispatch_id
    JOIN room r ON r.id = d.room_id
    -- The line of this message, or, where the rooms were imported anew without it, the first.
    LEFT JOIN LATERAL (
        SELECT x FROM room_line x WHERE x.room_id = r.id AND x.adapter <> 'voice'
        ORDER BY (x.line <> e.line), x.line LIMIT 1) AS l ON true
    LEFT JOIN assignment s ON s.id = a.assignment_id
    LEFT JOIN beneficiary b ON b.id = s.beneficiary_id
    LEFT JOIN device v ON v.id = a.device
    LEFT JOIN press p ON p.device = a.device AND p.id = a.last_press_id
    WHERE e.id = ANY (v_ids) ORDER BY e.no;
END $$;

CREATE OR REPLACE FUNCTION open_alerts(
    p_now timestamptz, p_group_from int,
    p_no bigint[], p_at int[], p_holder holder[], p_plan text[],
    p_fix bytea[], p_fixed_at timestamptz[], p_fix_doubts text[]
) RETURNS uuid[] LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    r         record;
    v_alert   record;
    v_device  text;
    v_number  text;
    v_day     text := to_char(p_now AT TIME ZONE 'Europe/Paris', 'YYYYMMDD-');
    v_opens   boolean;
    v_new     uuid[] := '{}';
    v_plans   jsonb[] := '{}';
    v_joined  uuid[] := '{}';
    v_located boolean[] := '{}';
    v_alerts  uuid[] := '{}';
BEGIN
    FOR r IN
        SELECT p.no, p.device, p.reply_to, p.id, p.tst, p.pressed_at, p.received_at, p.raw_key,
               f.h_device IS NOT NULL AS known, f.assignment_id, coalesce(f.consent, 'unknown') AS consent,
               coalesce(f.listen, 'mic_only') AS listen, p_plan[f.at] AS plan
        FROM unnest(p_no, p_at, p_holder)
             AS f (no, at, h_device, assignment_id, beneficiary_id, listen, consent, doubts)
        JOIN press p ON p.no = f.no
        ORDER BY f.at
    LOOP
        v_device := r.device;
        v_opens := false;
        LOOP
            SELECT a.id, a.located INTO v_alert
            FROM alert a WHERE a.device = v_device AND a.status <> 'closed' FOR UPDATE;
            EXIT WHEN FOUND;
            -- Phones that the register does not know share one alert above a rate.
            IF NOT r.known AND v_device <> '*unknown*' AND p_group_from <= (
                SELECT count(*) FROM alert u WHERE NOT u.known AND u.opened_at > p_now - interval '60 seconds'
            ) THEN
                v_device := '*unknown*';
                CONTINUE;
            END IF;
            v_number := nextval('case_number');
            INSERT INTO alert (case_id, device, reply_to, known, assignment_id, consent, located, listen,
                               plan, key, follows, opened_at, forget_at, first_tst, pressed_at,
                               last_press_id, last_press_at)
            VALUES (v_day || lpad(v_number, greatest(6, length(v_number)), '0'), v_device, r.reply_to,
                    r.known, r.assignment_id, r.consent, r.consent <> 'refused', r.listen,
                    r.plan::jsonb, r.raw_key,
                    (SELECT (array_agg(c.id ORDER BY c.opened_at DESC))[1] FROM alert c WHERE c.device = v_device),
                    p_now, p_now + interval '3 days', r.tst, r.pressed_at, r.id, r.received_at)
            ON CONFLICT (device) WHERE status <> 'closed' DO NOTHING
            RETURNING id, located INTO v_alert;
            v_opens := FOUND;
            EXIT WHEN FOUND;
        END LOOP;
        IF v_opens THEN
            v_new := array_append(v_new, v_alert.id);
            v_plans := array_append(v_plans, r.plan::jsonb);
        ELSE
            v_joined := array_append(v_joined, v_alert.id);
            -- A closing verdict that stood beside the police was given before this press: no more.
            UPDATE alert SET last_press_id = r.id, last_press_at = r.received_at, presses = presses + 1,
                             reply_to = r.reply_to, contact_lost_at = NULL,
                             verdict = CASE WHEN verdict IN ('no_danger', 'test', 'accidental')
                                            THEN CASE WHEN reason IS NULL THEN 'police' ELSE 'forwarded' END
                                            ELSE verdict END
            WHERE id = v_alert.id;
        END IF;
        v_alerts := array_append(v_alerts, v_alert.id);
        v_located := array_append(v_located, v_alert.located);
    END LOOP;

    INSERT INTO alert_press (press_no, alert_id) SELECT * FROM unnest(p_no, v_alerts);

    INSERT INTO deadline (alert_id, name, due_at)
    SELECT n.id, d.key, p_now + d.value::float8 * interval '1 second'
    FROM unnest(v_new, v_plans) AS n (id, plan), jsonb_each_text(n.plan -> 'opening') AS d;

    IF v_joined <> '{}' THEN
        -- A word from the phone: contact is (again) there. Rooms that were told hear of it.
        INSERT INTO deadline (alert_id, name, due_at)
        SELECT DISTINCT a.id, d.name, d.due_at
        FROM unnest(v_joined) AS j (id) JOIN alert a ON a.id = j.id,
        LATERAL (VALUES ('contact', p_now + (a.plan ->> 'contact')::float8 * interval '1 second'),
                        ('further_press', CASE WHEN a.status = 'police' THEN p_now END)) AS d (name, due_at)
        WHERE d.due_at IS NOT NULL
        ON CONFLICT (alert_id, dispatch_id, name)
            DO UPDATE SET due_at = excluded.due_at WHERE deadline.name = 'contact';
    END IF;

    INSERT INTO position (alert_id, press_no, fix, key, fixed_at, received_at, doubts)
    SELECT m.alert_id, m.no, p_fix[m.at], p.raw_key, p_fixed_at[m.at], p_now,
           string_to_array(p_fix_doubts[m.at], ',')
    FROM unnest(p_no, p_at, v_alerts, v_located) AS m (no, at, alert_id, located)
    JOIN press p ON p.no = m.no
    WHERE m.located AND p_fix[m.at] IS NOT NULL;

    INSERT INTO journal (at, actor, alert_id, kind, details)
    SELECT p_now, 'phone', m.alert_id, 'press',
           jsonb_build_object('press', p.id, 'opened', m.alert_id = ANY (v_new), 'doubts', p.doubts)
    FROM unnest(p_no, v_alerts) AS m (no, alert_id)
    JOIN press p ON p.no = m.no;

    RETURN v_new;
END $$;
