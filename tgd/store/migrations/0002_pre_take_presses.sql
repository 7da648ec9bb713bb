-- Arrow 1, press → alert: a batch of presses in one round trip and one commit.
--
-- take_presses keeps the presses (raw first), then hands the new ones to open_alerts inside
-- a block of its own: whatever goes wrong there, the presses stay, and `fault` says what it
-- was. A press left without an alert is found by the rescue.
--
-- Both are told to walk indexes: a plan made while the tables were empty would otherwise be
-- kept, with its sequential scans, for the storm.

CREATE FUNCTION open_alerts(
    p_now timestamptz, p_group_from int, p_no bigint[], p_plan text[],
    p_lat float8[], p_lon float8[], p_acc float8[], p_confidence float8[], p_method text[],
    p_alt float8[], p_vac float8[], p_vel float8[], p_cog float8[], p_fixed_at timestamptz[],
    p_fix_doubts text[]
) RETURNS uuid[] LANGUAGE plpgsql
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off AS $$
DECLARE
    v_target text[];        -- whose alert each press belongs to: the phone's, or the group's
    v_opened uuid[] := '{}';
    v_turn   uuid[];
    v_left   int;
BEGIN
    SELECT array_agg(p.device ORDER BY n.ord) INTO v_target
    FROM unnest(p_no) WITH ORDINALITY AS n (no, ord) JOIN press p ON p.no = n.no;

    -- Phones that the register does not know share one alert above a rate.
    IF EXISTS (SELECT FROM unnest(p_no) AS n (no) JOIN press p ON p.no = n.no
               WHERE 'device_unknown' = ANY (p.doubts)) THEN
        SELECT array_agg(CASE WHEN u.stranger AND u.rank + u.recent > p_group_from
                              THEN '*unknown*' ELSE u.device END ORDER BY u.ord) INTO v_target
        FROM (SELECT n.ord, p.device, s.stranger, r.recent,
                     dense_rank() OVER (PARTITION BY s.stranger ORDER BY p.device) AS rank
              FROM unnest(p_no) WITH ORDINALITY AS n (no, ord) JOIN press p ON p.no = n.no,
              LATERAL (SELECT 'device_unknown' = ANY (p.doubts) AND NOT EXISTS (
                           SELECT FROM alert o WHERE o.device = p.device AND o.status <> 'closed')
                      ) AS s (stranger),
              (SELECT count(*) FROM alert WHERE NOT known AND opened_at > p_now - interval '60 seconds'
              ) AS r (recent)) AS u;
    END IF;

    -- Three turns: an alert may be closed by an operator between the look and the join.
    FOR turn IN 1..3 LOOP
        WITH mine AS (
            SELECT t.target, min(t.no) AS first_no, max(t.no) AS last_no, count(*) AS presses,
                   (array_agg(t.plan ORDER BY t.no))[1] AS plan
            FROM unnest(p_no, v_target, p_plan) AS t (no, target, plan)
            WHERE NOT EXISTS (SELECT FROM alert_press l WHERE l.press_no = t.no)
            GROUP BY t.target
        ), opened AS (
            INSERT INTO alert (case_id, device, reply_to, known, assignment_id, consent, located, listen,
                               plan, key, follows, opened_at, first_tst, pressed_at,
                               last_press_id, last_press_at, presses)
            SELECT next_case_id(p_now), m.target, f.reply_to, h.device IS NOT NULL, h.assignment_id,
                   coalesce(h.consent, 'unknown'), coalesce(h.consent, 'unknown') <> 'refused',
                   coalesce(h.listen, 'mic_only'), m.plan::jsonb, f.raw_key,
                   (SELECT c.id FROM alert c WHERE c.device = m.target ORDER BY c.opened_at DESC LIMIT 1),
                   p_now, f.tst, f.pressed_at, l.id, l.received_at, m.presses
            FROM mine m
            JOIN press f ON f.no = m.first_no
            JOIN press l ON l.no = m.last_no
            LEFT JOIN holder h ON h.device = m.target
            WHERE NOT EXISTS (SELECT FROM alert o WHERE o.device = m.target AND o.status <> 'closed')
            ORDER BY m.target
            ON CONFLICT (device) WHERE status <> 'closed' DO NOTHING
            RETURNING id
        )
        SELECT array_agg(id) INTO v_turn FROM opened;
        v_opened := v_opened || coalesce(v_turn, '{}');

        -- The others join the alert that is open; the row lock orders us against operators.
        UPDATE alert a
        SET last_press_id = l.id, last_press_at = l.received_at, presses = a.presses + m.presses,
            reply_to = l.reply_to, contact_lost_at = NULL
        FROM (SELECT t.target, max(t.no) AS last_no, count(*) AS presses
              FROM unnest(p_no, v_target) AS t (no, target)
              WHERE NOT EXISTS (SELECT FROM alert_press k WHERE k.press_no = t.no)
              GROUP BY t.target) AS m
        JOIN press l ON l.no = m.last_no
        WHERE a.device = m.target AND a.status <> 'closed' AND a.id <> ALL (v_opened);

        WITH linked AS (
            INSERT INTO alert_press (press_no, alert_id)
            SELECT t.no, a.id
            FROM unnest(p_no, v_target) AS t (no, target)
            JOIN alert a ON a.device = t.target AND a.status <> 'closed'
            WHERE NOT EXISTS (SELECT FROM alert_press k WHERE k.press_no = t.no)
            ORDER BY t.no
            RETURNING press_no
        )
        SELECT count(*) INTO v_left FROM linked;
        SELECT count(*) INTO v_left FROM unnest(p_no) AS t (no)
        WHERE NOT EXISTS (SELECT FROM alert_press k WHERE k.press_no = t.no);
        EXIT WHEN v_left = 0;
    END LOOP;

    INSERT INTO deadline (alert_id, name, due_at)
    SELECT a.id, d.name, p_now + d.seconds::float8 * interval '1 second'
    FROM unnest(v_opened) AS o (id) JOIN alert a ON a.id = o.id,
    LATERAL jsonb_each_text(a.plan -> 'opening') AS d (name, seconds);

    -- A word from the phone: contact is (again) there. On an alert already with the police
    -- the rooms are told of the further press.
    INSERT INTO deadline (alert_id, name, due_at)
    SELECT DISTINCT a.id, d.name, d.due_at
    FROM unnest(p_no) AS t (no)
    JOIN alert_press k ON k.press_no = t.no
    JOIN alert a ON a.id = k.alert_id,
    LATERAL (VALUES ('contact', p_now + (a.plan ->> 'contact')::float8 * interval '1 second', true),
                    ('further_press', p_now, a.status = 'police')) AS d (name, due_at, wanted)
    WHERE d.wanted AND a.id <> ALL (v_opened)
    ON CONFLICT (alert_id, dispatch_id, name)
        DO UPDATE SET due_at = excluded.due_at WHERE deadline.name = 'contact';

    INSERT INTO position (alert_id, press_no, lat, lon, acc, confidence, method, alt, vac, vel, cog,
                          fixed_at, received_at, doubts)
    SELECT a.id, t.no, t.lat, t.lon, t.acc, t.confidence, t.method, t.alt, t.vac, t.vel, t.cog,
           t.fixed_at, p_now, string_to_array(t.doubts, ',')
    FROM unnest(p_no, p_lat, p_lon, p_acc, p_confidence, p_method, p_alt, p_vac, p_vel, p_cog,
                p_fixed_at, p_fix_doubts)
         AS t (no, lat, lon, acc, confidence, method, alt, vac, vel, cog, fixed_at, doubts)
    JOIN alert_press k ON k.press_no = t.no
    JOIN alert a ON a.id = k.alert_id AND a.located
    WHERE t.lat IS NOT NULL;

    INSERT INTO journal (at, actor, alert_id, kind, details)
    SELECT p_now, 'phone', k.alert_id, 'press',
           jsonb_build_object('press', p.id, 'opened', k.alert_id = ANY (v_opened), 'doubts', p.doubts)
    FROM unnest(p_no) AS t (no)
    JOIN alert_press k ON k.press_no = t.no
    JOIN press p ON p.no = t.no
    ORDER BY p.no;

    RETURN v_opened;
END $$;


CREATE FUNCTION take_presses(
    p_now timestamptz, p_group_from int,
    p_device text[], p_reply_to text[], p_id uuid[], p_sent_id text[], p_seq bigint[], p_attempt int[],
    p_tst float8[], p_pressed_at timestamptz[], p_received_at timestamptz[], p_age_s float8[],
    p_trigger text[], p_path text[], p_batt int[], p_doubts text[], p_digest bytea[], p_retained boolean[],
    p_raw bytea[], p_redacted bytea[], p_raw_key bytea[], p_plan text[],
    p_lat float8[], p_lon float8[], p_acc float8[], p_confidence float8[], p_method text[],
    p_alt float8[], p_vac float8[], p_vel float8[], p_cog float8[], p_fixed_at timestamptz[],
    p_fix_doubts text[],
    OUT ord int, OUT fresh boolean, OUT alert_id uuid, OUT opened boolean, OUT listen text, OUT fault text
) RETURNS SETOF record LANGUAGE plpgsql
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off AS $$
DECLARE
    v_no     bigint[];      -- by ordinal: the number of a press that is new, else null
    v_fresh  bigint[];
    v_at     int[];         -- the ordinals of v_fresh
    v_opened uuid[];
    v_fault  text;
BEGIN
    WITH given AS (
        SELECT * FROM unnest(p_device, p_reply_to, p_id, p_sent_id, p_seq, p_attempt, p_tst, p_pressed_at,
                             p_received_at, p_age_s, p_trigger, p_path, p_batt, p_doubts, p_digest,
                             p_retained, p_raw, p_redacted, p_raw_key) WITH ORDINALITY
        AS g (device, reply_to, id, sent_id, seq, attempt, tst, pressed_at, received_at, age_s, trigger,
              path, batt, doubts, digest, retained, raw, redacted, raw_key, ord)
    ), judged AS MATERIALIZED (
        SELECT g.*, reused.yes AS reused,
               CASE WHEN reused.yes THEN gen_random_uuid() ELSE g.id END AS own_id,
               h.consent,
               string_to_array(g.doubts, ',')
                   || CASE WHEN reused.yes THEN ARRAY['id_reused'] ELSE '{}'::text[] END
                   || coalesce(h.doubts, ARRAY['device_unknown', 'consent_unknown']) AS all_doubts
        FROM given g
        LEFT JOIN holder h ON h.device = g.device,
        LATERAL (SELECT EXISTS (
            SELECT FROM press p WHERE p.device = g.device AND p.sent_id = g.sent_id AND p.seq <> g.seq
        ) AS yes) AS reused
        -- Rule 3: one (device, id) is one press; another seq makes another; where one copy
        -- came through without its seq, it is the same press.
        WHERE NOT EXISTS (
            SELECT FROM press p WHERE p.device = g.device AND p.sent_id = g.sent_id
                AND (p.seq = g.seq OR p.seq IS NULL OR g.seq IS NULL))
        AND NOT (g.sent_id IS NULL AND EXISTS (
            SELECT FROM press p WHERE p.device = g.device AND p.sent_id IS NULL
                AND p.last_seen_at > g.received_at - interval '15 seconds'))
    ), kept AS (
        INSERT INTO press (device, reply_to, id, sent_id, seq, attempt, tst, pressed_at, received_at, age_s,
                           trigger, path, batt, doubts, digest, retained, raw, raw_key, last_seen_at)
        SELECT j.device, j.reply_to, j.own_id, j.sent_id, j.seq, j.attempt, j.tst, j.pressed_at,
               j.received_at, j.age_s, j.trigger, j.path, j.batt, j.all_doubts, j.digest, j.retained,
               CASE WHEN j.consent = 'refused' THEN coalesce(j.redacted, j.raw) ELSE j.raw END,
               j.raw_key, j.received_at
        FROM judged j ORDER BY j.ord
        ON CONFLICT DO NOTHING
        RETURNING press.no, press.device, press.id
    )
    SELECT array_agg(k.no ORDER BY j.ord), array_agg(j.ord::int ORDER BY j.ord) INTO v_fresh, v_at
    FROM kept k JOIN judged j ON j.device = k.device AND j.own_id = k.id;

    -- Id-less presses of one phone less than 15 s apart are one: the chain holds while it goes on.
    UPDATE press p SET last_seen_at = greatest(p.last_seen_at, g.received_at)
    FROM unnest(p_device, p_sent_id, p_received_at) AS g (device, sent_id, received_at)
    WHERE g.sent_id IS NULL AND p.device = g.device AND p.sent_id IS NULL
      AND p.last_seen_at > g.received_at - interval '15 seconds' AND p.last_seen_at < g.received_at;

    BEGIN
        SELECT open_alerts(
            p_now, p_group_from, array_agg(f.no ORDER BY f.ord),
            array_agg(p_plan[f.ord] ORDER BY f.ord),
            array_agg(p_lat[f.ord] ORDER BY f.ord), array_agg(p_lon[f.ord] ORDER BY f.ord),
            array_agg(p_acc[f.ord] ORDER BY f.ord), array_agg(p_confidence[f.ord] ORDER BY f.ord),
            array_agg(p_method[f.ord] ORDER BY f.ord), array_agg(p_alt[f.ord] ORDER BY f.ord),
            array_agg(p_vac[f.ord] ORDER BY f.ord), array_agg(p_vel[f.ord] ORDER BY f.ord),
            array_agg(p_cog[f.ord] ORDER BY f.ord), array_agg(p_fixed_at[f.ord] ORDER BY f.ord),
            array_agg(p_fix_doubts[f.ord] ORDER BY f.ord))
        INTO v_opened
        FROM unnest(v_fresh, v_at) AS f (no, ord)
        WHERE p_plan[f.ord] IS NOT NULL
        HAVING count(*) > 0;
    EXCEPTION WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS v_fault = MESSAGE_TEXT;
        v_fault := SQLSTATE || ' ' || v_fault;
    END;

    IF v_fresh IS NOT NULL THEN
        PERFORM pg_notify('tgd', 'press');
    END IF;

    RETURN QUERY
    SELECT g.ord::int, f.no IS NOT NULL, k.alert_id, coalesce(k.alert_id = ANY (v_opened), false) AND f.no IS NOT NULL,
           coalesce(a.listen, 'mic_only'), v_fault
    FROM unnest(p_device, p_id, p_sent_id, p_seq, p_digest, p_retained) WITH ORDINALITY
         AS g (device, id, sent_id, seq, digest, retained, ord)
    LEFT JOIN unnest(v_fresh, v_at) AS f (no, ord) ON f.ord = g.ord
    LEFT JOIN LATERAL (
        SELECT l.alert_id FROM alert_press l WHERE l.press_no = coalesce(f.no, (
            SELECT p.no FROM press p
            WHERE p.device = g.device AND (p.sent_id = g.sent_id OR (p.sent_id IS NULL AND g.sent_id IS NULL))
              AND (g.seq IS NULL OR p.seq IS NULL OR p.seq = g.seq)
            ORDER BY p.no DESC LIMIT 1))
    ) AS k ON true
    LEFT JOIN alert a ON a.id = k.alert_id
    ORDER BY g.ord;
END $$;

-- Only the server takes presses; a function is executable by all unless it is said otherwise.
GRANT EXECUTE ON FUNCTION take_presses, open_alerts TO tgd_app;
