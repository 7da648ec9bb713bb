-- name: take
-- Keep a batch of presses and open or join their alerts; the function tells what became of each.
SELECT * FROM take_presses($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18,
                           $19, $20, $21, $22, $23::bytea[], $24::timestamptz[], $25)

-- name: take_one
-- The ordinary press, alone: a phone of the register, an id not seen before, no open alert. It is
-- kept, its alert opened, in one statement. Anything else finds no row here and changes nothing,
-- and anything wrong undoes all of it: then take_presses does it.
WITH held AS MATERIALIZED (
    SELECT * FROM holder WHERE device = $3
), kept AS (
    INSERT INTO press (device, reply_to, id, sent_id, seq, attempt, tst, pressed_at, received_at, age_s,
                       trigger, path, batt, doubts, digest, retained, raw, raw_key, last_seen_at)
    SELECT $3::text, $4::text, $5::uuid, $6::text, $7::bigint, $8::int, $9::float8, $10::timestamptz,
           $11::timestamptz, $12::float8, $13::text, $14::text, $15::int,
           string_to_array($16::text, ',') || h.doubts, $17::bytea, $18::boolean,
           CASE WHEN h.consent = 'refused' THEN coalesce($20::bytea, $19::bytea) ELSE $19 END, $21::bytea,
           $11
    FROM held h
    WHERE $6 IS NOT NULL AND NOT $18
      AND NOT EXISTS (SELECT FROM press t WHERE t.device = $3 AND t.sent_id = $6)
      AND NOT EXISTS (SELECT FROM alert o WHERE o.device = $3 AND o.status <> 'closed')
    RETURNING no, doubts
), number AS MATERIALIZED (
    SELECT nextval('case_number')::text AS n FROM kept
), opened AS (
    INSERT INTO alert (case_id, device, reply_to, known, assignment_id, consent, located, listen, plan, key,
                       follows, opened_at, forget_at, first_tst, pressed_at, last_press_id, last_press_at)
    SELECT to_char($1::timestamptz AT TIME ZONE 'Europe/Paris', 'YYYYMMDD-')
               || lpad(n.n, greatest(6, length(n.n)), '0'),
           $3, $4, true, h.assignment_id, h.consent, h.consent <> 'refused', h.listen, $22::text::jsonb, $21,
           (SELECT (array_agg(c.id ORDER BY c.opened_at DESC))[1] FROM alert c WHERE c.device = $3),
           $1, $1 + interval '3 days', $9, $10, $5, $11
    FROM held h, number n
    RETURNING id, listen, located
), linked AS (
    INSERT INTO alert_press (press_no, alert_id) SELECT k.no, o.id FROM kept k, opened o
), timed AS (
    INSERT INTO deadline (alert_id, name, due_at)
    SELECT o.id, d.key, $1 + d.value::float8 * interval '1 second'
    FROM opened o, jsonb_each_text($22::text::jsonb -> 'opening') AS d
), placed AS (
    INSERT INTO position (alert_id, press_no, fix, key, fixed_at, received_at, doubts)
    SELECT o.id, k.no, $23::bytea, $21, $24::timestamptz, $1, string_to_array($25::text, ',')
    FROM kept k, opened o WHERE o.located AND $23::bytea IS NOT NULL
), noted AS (
    INSERT INTO journal (at, actor, alert_id, kind, details)
    SELECT $1, 'phone', o.id, 'press', jsonb_build_object('press', $5, 'opened', true, 'doubts', k.doubts)
    FROM kept k, opened o
)
SELECT true, o.id, true, o.listen, o.located, NULL::text FROM opened o, pg_notify('tgd', 'press') WHERE $2::int IS NOT NULL

-- name: unlinked
-- Presses that got no alert within their two seconds.
SELECT p.no, p.id, p.device FROM press p
WHERE p.no > $1 AND p.received_at < $2
  AND NOT EXISTS (SELECT FROM alert_press k WHERE k.press_no = p.no)
ORDER BY p.no LIMIT 500

-- name: checked_until
-- Up to which number the rescue has seen everything.
SELECT max(no) FROM press WHERE received_at < $1

-- name: rescue
-- A bare alert for a press that the alert logic failed: nothing of that logic is used here. Its
-- plan $3 was written when the server started.
WITH mine AS (
    SELECT p.* FROM press p
    WHERE p.no = $1 AND NOT EXISTS (SELECT FROM alert_press k WHERE k.press_no = p.no)
), opened AS (
    INSERT INTO alert (case_id, device, reply_to, known, assignment_id, consent, located, listen, plan, key, rescued,
                       opened_at, forget_at, first_tst, pressed_at, last_press_id, last_press_at)
    SELECT next_case_id($2::timestamptz), m.device, m.reply_to, EXISTS (SELECT FROM device d WHERE d.id = m.device),
           (SELECT s.id FROM assignment s WHERE s.device_id = m.device AND s.ended_at IS NULL),
           'refused', false, 'mic_only', $3::text::jsonb, m.raw_key, true, $2::timestamptz,
           least($2, m.received_at) + interval '3 days', m.tst, m.pressed_at, m.id, m.received_at
    FROM mine m
    ON CONFLICT (device) WHERE status <> 'closed'
        DO UPDATE SET last_press_id = excluded.last_press_id, last_press_at = excluded.last_press_at,
                      presses = alert.presses + 1,
                      verdict = CASE WHEN alert.verdict IN ('no_danger', 'test', 'accidental')
                                     THEN CASE WHEN alert.reason IS NULL THEN 'police' ELSE 'forwarded' END
                                     ELSE alert.verdict END
    RETURNING id, status, (xmax = 0) AS new
), linked AS (
    INSERT INTO alert_press (press_no, alert_id) SELECT $1, id FROM opened
), timed AS (
    INSERT INTO deadline (alert_id, name, due_at)
    SELECT o.id, d.key, $2::timestamptz + d.value::float8 * interval '1 second'
    FROM opened o, jsonb_each_text($3::text::jsonb -> 'opening') AS d WHERE o.new
    UNION ALL
    SELECT o.id, 'further_press', $2::timestamptz FROM opened o WHERE o.status = 'police'
    ON CONFLICT DO NOTHING
), noted AS (
    INSERT INTO journal (at, actor, alert_id, kind, details)
    SELECT $2::timestamptz, 'rescue', id, 'press', jsonb_build_object('rescued', true, 'opened', new) FROM opened
)
SELECT id FROM opened

-- name: standing
-- The open alerts of these phones; at most one each.
SELECT device, id FROM alert WHERE device = ANY ($1::text[]) AND status <> 'closed'

-- name: last_closed
-- The latest alert of phones whose latest alert is closed.
SELECT d.device, a.id
FROM unnest($1::text[]) AS d (device)
JOIN LATERAL (SELECT id, status FROM alert WHERE device = d.device ORDER BY opened_at DESC LIMIT 1) a
    ON a.status = 'closed'

-- name: add_positions
-- Keep sealed positions for open, located alerts; tell which found theirs closed meanwhile. Only fixes since the gesture, by the phone's own clock or
-- (it may have been set meanwhile) by ours; none two hours after the last press, unless it was
-- extended. The alerts are locked first: where one is just being closed, its positions are left out,
-- and do not break the statement for everybody else's.
WITH standing AS MATERIALIZED (
    SELECT * FROM alert WHERE id = ANY ($2::uuid[]) AND status <> 'closed' ORDER BY id FOR KEY SHARE
), given AS (
    SELECT * FROM unnest($2::uuid[], $3::bytea[], $4::float8[], $5::bytea[], $6::timestamptz[], $7::text[],
                         $8::timestamptz[]) WITH ORDINALITY
    AS g (alert_id, key, tst, fix, received_at, doubts, fixed_at, ord)
), matched AS (
    SELECT g.*, a.id AS standing, a.pressed_at, coalesce(g.tst - a.first_tst, -1) AS since_s,
           a.located AND $1::timestamptz
               < greatest(a.last_press_at + interval '2 hours', a.followed_until) AS wanted
    FROM given g LEFT JOIN standing a ON a.id = g.alert_id
), kept AS (
    INSERT INTO position (alert_id, fix, key, fixed_at, received_at, doubts)
    SELECT m.alert_id, m.fix, m.key,
           least(m.received_at, CASE WHEN m.since_s < 0 THEN m.fixed_at
               ELSE m.pressed_at + least(m.since_s, 3e9) * interval '1 second' END),
           m.received_at, string_to_array(m.doubts, ',')
    FROM matched m
    WHERE m.wanted AND (m.since_s >= 0 OR m.fixed_at >= m.pressed_at)
    ORDER BY m.ord
    RETURNING 1
), hint AS (
    SELECT pg_notify('tgd', 'position') WHERE EXISTS (SELECT FROM kept)
)
SELECT m.ord::int AS ord FROM matched m WHERE m.standing IS NULL
UNION ALL SELECT NULL FROM hint  -- which is only said where it is read

-- name: word_from
-- A word from these phones: the deadline contact begins anew, and lost contact is found again.
WITH found AS (
    UPDATE alert SET contact_lost_at = NULL
    WHERE device = ANY ($1::text[]) AND status <> 'closed' AND contact_lost_at IS NOT NULL
    RETURNING id, plan
), noted AS (
    INSERT INTO journal (at, actor, alert_id, kind)
    SELECT $2::timestamptz, 'phone', id, 'contact_found' FROM found
    RETURNING pg_notify('tgd', 'alert')
), again AS (
    INSERT INTO deadline (alert_id, name, due_at)
    SELECT id, 'contact', $2::timestamptz + (plan ->> 'contact')::float8 * interval '1 second'
    FROM found WHERE jsonb_typeof(plan -> 'contact') = 'number'
    ON CONFLICT DO NOTHING
)
UPDATE deadline d SET due_at = $2::timestamptz + (a.plan ->> 'contact')::float8 * interval '1 second'
FROM alert a
WHERE a.device = ANY ($1::text[]) AND a.status <> 'closed' AND d.alert_id = a.id AND d.name = 'contact'
  AND jsonb_typeof(a.plan -> 'contact') = 'number'

-- name: quarantine
-- Hash, size and reason of what could not be read; never its content.
INSERT INTO quarantine (received_at, topic, reason, size, digest) VALUES ($1, $2, $3, $4, $5)
