-- name: due
-- Alerts of which something is to be erased now, longest due first.
SELECT id FROM alert WHERE forget_at <= $1 ORDER BY forget_at LIMIT $2

-- name: next_due
-- When something is next to be erased, or asked about; what was due at $1 already has been seen to.
SELECT least(
    (SELECT min(forget_at) FROM alert WHERE forget_at > $1::timestamptz),
    (SELECT min(a.forget_at) - interval '24 hours' FROM retention r JOIN alert a ON a.id = r.alert_id
     WHERE r.answered_at IS NULL AND r.asked_again_at IS NULL AND r.asked_at IS NOT NULL
       AND a.forget_at > $1 + interval '24 hours'))

-- name: hold
-- One alert under its lock, with what was decided about keeping it.
SELECT a.status, a.verdict, a.key, coalesce(r.hold, false) AS held, r.eight_days_at IS NOT NULL AS eight_days,
       a.forget_at
FROM alert a LEFT JOIN retention r ON r.alert_id = a.id
WHERE a.id = $1 FOR UPDATE OF a

-- name: kept
-- Everything of an alert that is sealed, with when it was recorded and what opens it.
SELECT 'position' AS kind, p.no::text AS id, p.received_at AS recorded_at, p.key, p.fix AS sealed
FROM position p WHERE p.alert_id = $1
UNION ALL
SELECT 'press', p.no::text, p.received_at, p.raw_key, p.raw
FROM alert_press k JOIN press p ON p.no = k.press_no WHERE k.alert_id = $1 AND p.raw IS NOT NULL
UNION ALL
SELECT 'message', e.id::text,
       -- It may tell any of the positions that it was written from, and goes with the oldest.
       coalesce((SELECT min(t.received_at) FROM (
           SELECT p.received_at FROM position p WHERE p.alert_id = $1 AND p.received_at <= e.created_at
           ORDER BY p.no DESC LIMIT 20) AS t), e.created_at),
       a.key, e.content
FROM envelope e JOIN alert a ON a.id = e.alert_id WHERE e.alert_id = $1 AND e.content IS NOT NULL
UNION ALL
SELECT 'note', n.no::text, n.at, a.key, n.text
FROM note n JOIN alert a ON a.id = n.alert_id WHERE n.alert_id = $1 AND n.text IS NOT NULL

-- name: erase_position
-- The rows themselves go: a position has no other content.
DELETE FROM position WHERE no = ANY ($1::text[]::bigint[])

-- name: erase_press
-- The bytes go, and what they could be known again by, which only a broker that keeps them needs;
-- that she pressed, and when, stays.
UPDATE press SET raw = NULL, raw_key = NULL,
                 digest = CASE WHEN retained THEN digest ELSE uuid_send(gen_random_uuid()) END
WHERE no = ANY ($1::text[]::bigint[])

-- name: erase_message
-- What was sent goes; that it was, and what became of it, stays.
UPDATE envelope SET content = NULL WHERE id = ANY ($1::text[]::uuid[])

-- name: erase_note
-- The text goes; who wrote one, and when, stays.
UPDATE note SET text = NULL WHERE no = ANY ($1::text[]::bigint[])

-- name: reseal_position
-- Younger than what its key had to go for: the same fix under another key.
UPDATE position p SET fix = n.sealed, key = $3
FROM unnest($1::text[], $2::bytea[]) AS n (id, sealed) WHERE p.no = n.id::bigint

-- name: reseal_press
-- The same bytes under another key.
UPDATE press p SET raw = n.sealed, raw_key = $3
FROM unnest($1::text[], $2::bytea[]) AS n (id, sealed) WHERE p.no = n.id::bigint

-- name: reseal_message
-- The same message under another key, the alert's.
UPDATE envelope e SET content = n.sealed
FROM unnest($1::text[], $2::bytea[]) AS n (id, sealed) WHERE e.id = n.id::uuid AND $3::bytea IS NOT NULL

-- name: reseal_note
-- The same text under another key, the alert's.
UPDATE note t SET text = n.sealed
FROM unnest($1::text[], $2::bytea[]) AS n (id, sealed) WHERE t.no = n.id::bigint AND $3::bytea IS NOT NULL

-- name: settle
-- The alert's key from now on, and when its next thing is due.
UPDATE alert SET key = $2, forget_at = $3 WHERE id = $1

-- name: bury
-- Keys that nothing needs any more, for the key store to erase.
INSERT INTO dead_key (key, dead_at) SELECT k, $2::timestamptz FROM unnest($1::bytea[]) AS k
ON CONFLICT DO NOTHING

-- name: dead
-- Keys that are to be erased from the key store.
SELECT key FROM dead_key ORDER BY dead_at LIMIT $1

-- name: buried
-- They are gone; each is told to one server only.
DELETE FROM dead_key WHERE key = ANY ($1::bytea[]) RETURNING key

-- name: named
-- Every key that any row names; what is not in here is swept out of the key store.
SELECT raw_key AS key FROM press WHERE raw_key IS NOT NULL
UNION ALL SELECT key FROM alert WHERE key IS NOT NULL
UNION ALL SELECT key FROM position WHERE key IS NOT NULL
UNION ALL SELECT key FROM beneficiary WHERE key IS NOT NULL
UNION ALL SELECT word_key FROM beneficiary WHERE word_key IS NOT NULL
UNION ALL SELECT key FROM assignment WHERE key IS NOT NULL
UNION ALL SELECT key FROM device WHERE key IS NOT NULL
UNION ALL SELECT key FROM break_glass WHERE key IS NOT NULL
UNION ALL SELECT key FROM exercise WHERE key IS NOT NULL
UNION ALL SELECT key FROM person_file

-- name: ask_again
-- 24 hours before the erasure: the duty prosecutors who have not answered are asked once more.
WITH again AS (
    UPDATE retention r SET asked_again_at = $1
    FROM alert a
    WHERE a.id = r.alert_id AND r.asked_at IS NOT NULL AND r.answered_at IS NULL AND r.asked_again_at IS NULL
      AND a.forget_at <= $1::timestamptz + interval '24 hours'
    RETURNING r.alert_id, a.forget_at
)
INSERT INTO journal (at, actor, alert_id, kind, details)
SELECT $1, 'forget', alert_id, 'hold_asked_again', jsonb_build_object('erased_at', forget_at) FROM again

-- name: answer_hold
-- What the prosecutor answers; the latest answer counts. The flow then looks at the alert anew.
WITH told AS (
    INSERT INTO retention (alert_id, answered_at, answered_by, hold, reference)
    VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (alert_id) DO UPDATE SET
        answered_at = excluded.answered_at, answered_by = excluded.answered_by,
        hold = excluded.hold, reference = excluded.reference
), due AS (
    UPDATE alert SET forget_at = least(forget_at, $2::timestamptz) WHERE id = $1
), noted AS (
    INSERT INTO journal (at, actor, alert_id, kind, details)
    VALUES ($2, $3, $1, CASE WHEN $4::boolean THEN 'held' ELSE 'not_held' END, '{}')
)
SELECT pg_notify('tgd', 'forget')

-- name: authorise_eight_days
-- A named magistrate lets positions be kept up to 8 days; the flow then looks at the alert anew.
-- Who was asked 24 hours before the third day is asked again before the eighth.
WITH told AS (
    INSERT INTO retention (alert_id, eight_days_at, eight_days_by) VALUES ($1, $2, $4)
    ON CONFLICT (alert_id) DO UPDATE SET
        eight_days_at = excluded.eight_days_at, eight_days_by = excluded.eight_days_by,
        asked_again_at = CASE WHEN retention.eight_days_at IS NOT NULL THEN retention.asked_again_at END
), due AS (
    UPDATE alert SET forget_at = least(forget_at, $2::timestamptz) WHERE id = $1
), noted AS (
    INSERT INTO journal (at, actor, alert_id, kind, details) VALUES ($2, $3, $1, 'eight_days', '{}')
)
SELECT pg_notify('tgd', 'forget')

-- name: terms
-- What is decided about keeping one alert's positions, whose tribunal it is, and when they go.
SELECT a.id, a.key, a.status, a.verdict, a.closed_at, a.forget_at,
       coalesce(s.tribunal_id, d.lent_to, d.tribunal_id) AS tribunal_id,
       r.asked_at, r.asked_again_at, r.answered_at, r.answered_by, r.hold, r.reference,
       r.eight_days_at, r.eight_days_by
FROM alert a LEFT JOIN retention r ON r.alert_id = a.id LEFT JOIN device d ON d.id = a.device
LEFT JOIN assignment s ON s.id = a.assignment_id
WHERE a.id = $1

-- name: questions
-- Closed alerts whose prosecutor has not said whether to hold them; $1 a tribunal, or all, $2 whose
-- not. A phone that the register does not know is no tribunal's, and so every one's.
SELECT a.id, a.case_id, a.device, a.closed_at, a.forget_at, r.asked_at, r.asked_again_at
FROM retention r JOIN alert a ON a.id = r.alert_id LEFT JOIN device d ON d.id = a.device
LEFT JOIN assignment s ON s.id = a.assignment_id
WHERE r.asked_at IS NOT NULL AND r.answered_at IS NULL AND a.forget_at IS NOT NULL
  AND ($1::text IS NULL OR coalesce(s.tribunal_id, d.lent_to, d.tribunal_id) = $1
       OR (d.tribunal_id IS NULL AND $1 <> ''))
  AND (s.beneficiary_id = ANY ($2::uuid[])) IS NOT TRUE
ORDER BY a.forget_at LIMIT 500

-- name: note
-- What was erased, for the journal: counts only.
INSERT INTO journal (at, actor, alert_id, kind, details) VALUES ($1, 'forget', $2, $3, $4)

-- name: overdue
-- How many alerts, and keys, are left of which something should have been erased before $1.
SELECT (SELECT count(*) FROM alert WHERE forget_at < $1)::int
     + (SELECT count(*) FROM dead_key WHERE dead_at < $1)::int
