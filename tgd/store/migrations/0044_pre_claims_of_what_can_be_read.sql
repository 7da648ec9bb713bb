-- Messages are claimed together: whatever of one alert cannot be read may not keep those of the others.
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
      AND (e.expires_at <= p_now AND (e.purpose IN ('contact', 'position', 'fact', 'cancel') OR a.status = 'closed')
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
                AND b.id <> e.id AND b.purpose NOT IN ('contact', 'position', 'fact')
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

    -- From the first sending a room has so long to confirm the receipt; no plan that cannot be read may
    -- keep others' messages.
    INSERT INTO deadline (alert_id, dispatch_id, name, due_at)
    SELECT DISTINCT ON (e.dispatch_id) e.alert_id, e.dispatch_id, 'received',
           p_now + CASE WHEN jsonb_typeof(a.plan -> 'received') = 'number'
                        THEN (a.plan ->> 'received')::float8 ELSE 10 END * interval '1 second'
    FROM envelope e JOIN alert a ON a.id = e.alert_id
    WHERE e.id = ANY (v_ids) AND e.purpose NOT IN ('contact', 'position', 'fact', 'cancel') AND a.status = 'police'
    ON CONFLICT (alert_id, dispatch_id, name) DO NOTHING;

    -- Without number and positions, which are of an older version: what writes a message reads them
    -- itself, and can do without those that cannot be read.
    RETURN QUERY
    SELECT e.id, e.content, a, d, b.label, NULL::text, r, l.x, e.purpose, e.created_at, e.expires_at, e.attempts,
           ARRAY(SELECT o.address FROM dispatch x JOIN room o ON o.id = x.room_id
                 WHERE x.alert_id = a.id AND (x.withdrawn_at IS NULL OR x.id = d.id)
                 ORDER BY x.lead DESC, x.dispatched_at),
           p.pressed_at,
           ARRAY(SELECT DISTINCT unnest(q.doubts) FROM alert_press k JOIN press q ON q.no = k.press_no
                 WHERE k.alert_id = a.id),
           NULL::"position"[]
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
    LEFT JOIN press p ON p.device = a.device AND p.id = a.last_press_id
    WHERE e.id = ANY (v_ids) ORDER BY e.no;
END $$;
