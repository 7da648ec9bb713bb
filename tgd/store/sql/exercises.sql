-- name: ask
-- One exercise by each electronic line of a room, or by that one alone, and the entry in the journal. An
-- earlier one that has not ended ends: whoever reads an exercise out on the telephone has one to read.
WITH lines AS (
    SELECT l.line, line_settings(l) AS settings, gen_random_uuid() AS id FROM room_line l
    WHERE l.room_id = $1 AND l.adapter = ANY ($3::text[]) AND ($2::int IS NULL OR l.line = $2)
), former AS (
    UPDATE exercise e SET state = 'expired', lease_until = NULL, error = 'another was asked for'
    FROM lines l
    WHERE e.room_id = $1 AND e.line = l.line AND e.state NOT IN ('acknowledged', 'refused', 'expired')
), made AS (
    INSERT INTO exercise (id, room_id, line, settings, case_id, asked_at, asked_by, expires_at, next_at)
    SELECT l.id, $1::text, l.line, l.settings,
           'EX' || to_char($4::timestamptz AT TIME ZONE 'Europe/Paris', 'YYYYMMDD') || '-' || left(l.id::text, 8),
           $4::timestamptz, $5::text, $6::timestamptz, $4::timestamptz
    FROM lines l RETURNING id, line, case_id
), entered AS (
    INSERT INTO journal (at, actor, kind, details)
    SELECT $4::timestamptz, $5::text, 'line_exercised', jsonb_build_object('room', $1::text, 'line', m.line, 'exercise', m.id) FROM made m
), told AS (
    SELECT pg_notify('tgd', 'exercise') FROM (SELECT count(*) AS n FROM made) AS counted WHERE n > 0
)
SELECT m.id, m.line, m.case_id, (SELECT count(*) FROM told) AS told FROM made m ORDER BY m.line

-- name: expire
-- Those that nobody has confirmed in their time.
UPDATE exercise SET state = 'expired', lease_until = NULL
WHERE state NOT IN ('acknowledged', 'refused', 'expired') AND expires_at <= $1
RETURNING room_id, line

-- name: claim
-- Lease what is to be sent now, with its room and line as they are; without a line where that has changed
-- meanwhile.
WITH due AS (
    SELECT e.id FROM exercise e
    WHERE e.state IN ('waiting', 'sending') AND e.next_at <= $1 AND (e.lease_until IS NULL OR e.lease_until <= $1)
    ORDER BY e.next_at LIMIT $3 FOR UPDATE SKIP LOCKED
), leased AS (
    UPDATE exercise e SET
        state = 'sending', attempts = e.attempts + 1,
        lease_until = $1 + $2::interval + (
            SELECT coalesce(max(l.timeout_s), 0) * interval '1 second' FROM room_line l WHERE l.room_id = e.room_id)
    FROM due WHERE e.id = due.id RETURNING e.*
)
SELECT e.id, e.case_id, e.asked_at, e.asked_by, e.expires_at, e.attempts, r AS room, l.x AS room_line
FROM leased e JOIN room r ON r.id = e.room_id
LEFT JOIN LATERAL (
    SELECT x FROM room_line x
    WHERE x.room_id = e.room_id AND x.line = e.line AND line_settings(x) = e.settings) AS l ON true
ORDER BY e.id

-- name: sent
-- What became of a sending; $3 null: delivered. An answer of the room that came first stands.
UPDATE exercise SET
    state = CASE WHEN $3::timestamptz IS NULL THEN 'delivered' ELSE 'waiting' END,
    lease_until = NULL, next_at = coalesce($3, next_at), error = $4,
    delivered_at = coalesce(delivered_at, CASE WHEN $3::timestamptz IS NULL THEN $2::timestamptz END)
WHERE id = $1 AND state = 'sending'

-- name: gone
-- Its line is another now: there is nothing left to prove.
UPDATE exercise SET state = 'expired', lease_until = NULL, error = 'the line has been changed'
WHERE id = $1 AND state = 'sending'

-- name: room_of
-- To which room one of our exercises went.
SELECT room_id FROM exercise WHERE id = $1

-- name: room_of_case
-- The same by its case number.
SELECT room_id FROM exercise WHERE case_id = $1

-- name: answered
-- The room's answer: it only goes forward, and ends nothing that has ended.
UPDATE exercise SET state = $2::text, lease_until = NULL, error = coalesce($3, error)
WHERE id = $1 AND state NOT IN ('acknowledged', 'refused', 'expired')
  AND ($2 = 'refused' OR ladder_rank($2) > coalesce(ladder_rank(nullif(state, 'waiting')), 0))

-- name: hold
-- One exercise under its lock.
SELECT e.id, e.room_id, e.line, e.state, e.case_id, e.expires_at, e.delivered_at, r.simulated
FROM exercise e JOIN room r ON r.id = e.room_id WHERE e.id = $1 FOR UPDATE OF e

-- name: acknowledge
-- A named person of the room has it. The line is live, if it is the one by which it was sent, and the
-- room is no simulator's.
WITH done AS (
    UPDATE exercise e SET state = 'acknowledged', lease_until = NULL, acknowledged_at = $2::timestamptz,
                          recorded_by = $3::text,
                          call_taker = $4, key = $5
    WHERE e.id = $1 RETURNING e.*
), live AS (
    UPDATE room_line l SET live_since = coalesce(l.live_since, $2::timestamptz)
    FROM done e JOIN room r ON r.id = e.room_id
    WHERE l.room_id = e.room_id AND l.line = e.line AND line_settings(l) = e.settings AND NOT r.simulated
    RETURNING l.line
), entered AS (
    INSERT INTO journal (at, actor, kind, details)
    SELECT $2::timestamptz, $3::text, 'line_proved', jsonb_build_object('room', e.room_id, 'line', e.line, 'exercise', e.id,
                                                     'live', EXISTS (SELECT FROM live))
    FROM done e
)
SELECT pg_notify('tgd', 'rooms'), EXISTS (SELECT FROM live) AS live FROM done
