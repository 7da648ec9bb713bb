-- name: told
-- All rooms for routing, each with its lines of the adapters $1.
SELECT r.id, r.name, r.phone, r.is_default,
       ARRAY(SELECT l.line FROM room_line l WHERE l.room_id = r.id AND l.adapter = ANY ($1::text[])
             ORDER BY l.line) AS lines
FROM room r ORDER BY r.id

-- name: called
-- The room that is called so, by its id before its name.
SELECT id FROM room WHERE lower($1) IN (lower(id), lower(name)) ORDER BY lower(id) <> lower($1), id LIMIT 1

-- name: by_inbound_token
-- The room that calls with a token of this SHA-256.
SELECT id, address FROM room WHERE inbound_token = $1

-- name: lines
-- Every line, for whoever checks them.
SELECT l.room_id, r.address, l.line, l.adapter, l.url, l.token, l.timeout_s, l.live_since IS NOT NULL AS live
FROM room_line l JOIN room r ON r.id = l.room_id ORDER BY l.room_id, l.line

-- name: one_import_at_a_time
-- Two imports would see half of each other. Dispatches go on meanwhile.
LOCK TABLE room IN SHARE ROW EXCLUSIVE MODE

-- name: tell
-- Whoever listens to brokers for rooms looks at them again, once this is committed.
SELECT pg_notify('tgd', 'rooms')

-- name: no_default
-- Make place for another default room.
UPDATE room SET is_default = false WHERE is_default

-- name: free_tokens
-- Rooms of one file may hand a token from one to another: take it from the former first.
UPDATE room r SET inbound_token = NULL
FROM unnest($1::text[], $2::bytea[]) AS n (id, token)
WHERE r.inbound_token = n.token AND r.id <> n.id AND r.id = ANY ($1::text[])

-- name: put_room
-- One room, in place where there is one of this id.
INSERT INTO room (id, name, institution, address, services, phone, is_default, neighbour, inbound_token, simulated)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
ON CONFLICT (id) DO UPDATE SET
    name = excluded.name, institution = excluded.institution, address = excluded.address,
    services = excluded.services, phone = excluded.phone, is_default = excluded.is_default,
    neighbour = excluded.neighbour, inbound_token = excluded.inbound_token, simulated = excluded.simulated

-- name: drop_lines
-- The lines of these rooms, before the new ones.
DELETE FROM room_line WHERE room_id = ANY ($1::text[])

-- name: put_line
-- One line of a room.
INSERT INTO room_line (room_id, line, adapter, url, token, timeout_s, hours, days)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)

-- name: proved
-- What the lines of these rooms are that are live, before they are replaced.
SELECT coalesce(jsonb_agg(jsonb_build_object('room', l.room_id, 'settings', line_settings(l), 'since', l.live_since)),
                '[]')
FROM room_line l JOIN room r ON r.id = l.room_id WHERE l.room_id = ANY ($1::text[]) AND l.live_since IS NOT NULL

-- name: still_live
-- Whichever of the new lines is one of those is live still.
UPDATE room_line l SET live_since = (p ->> 'since')::timestamptz
FROM jsonb_array_elements($1::jsonb) AS p, room r
WHERE l.room_id = p ->> 'room' AND line_settings(l) = p -> 'settings' AND r.id = l.room_id AND NOT r.simulated

-- name: exists
-- Whether there is a room.
SELECT EXISTS (SELECT FROM room WHERE id = $1)

-- name: overview
-- Every room and its lines as they stand, each with its latest exercise; of an exercise never who took it.
SELECT r.id, r.name, r.institution, r.address, r.phone, r.is_default, r.neighbour, r.simulated,
       coalesce((SELECT jsonb_agg(jsonb_build_object(
                     'line', l.line, 'adapter', l.adapter, 'hours', l.hours, 'days', l.days,
                     'live_since', l.live_since, 'up', l.up, 'probed_at', l.probed_at, 'changed_at', l.changed_at,
                     'failures', l.failures, 'certificate_until', l.certificate_until, 'stranger_at', l.stranger_at,
                     'refuses_since', l.refuses_since, 'refusal', l.refusal,
                     'own_certificate_until', l.own_certificate_until, 'exercise', e.x) ORDER BY l.line)
                 FROM room_line l LEFT JOIN LATERAL (
                     SELECT jsonb_build_object(
                         'id', x.id, 'case_id', x.case_id, 'asked_at', x.asked_at, 'asked_by', x.asked_by,
                         'expires_at', x.expires_at, 'acknowledged_at', x.acknowledged_at,
                         'recorded_by', x.recorded_by,
                         'state', CASE WHEN x.expires_at <= $1 AND x.state NOT IN ('acknowledged', 'refused')
                                       THEN 'expired' ELSE x.state END) AS x
                     FROM exercise x WHERE x.room_id = l.room_id AND x.line = l.line
                     ORDER BY x.asked_at DESC LIMIT 1) AS e ON true
                 WHERE l.room_id = r.id), '[]') AS lines
FROM room r ORDER BY r.id

-- name: probed
-- What a probe has found; the consoles are told of what has changed, and of the second failure.
WITH before AS (
    SELECT l.room_id, l.line, l.up, l.failures FROM room_line l
    WHERE l.room_id = $1 AND l.line = $2 AND l.adapter = $3 AND l.url IS NOT DISTINCT FROM $4 FOR UPDATE
), now AS (
    UPDATE room_line l SET up = $5::boolean, probed_at = $6::timestamptz,
        failures = CASE WHEN $5 THEN 0 ELSE b.failures + 1 END,
        changed_at = CASE WHEN b.up IS DISTINCT FROM $5 THEN $6::timestamptz ELSE l.changed_at END,
        certificate_until = coalesce($7::timestamptz, l.certificate_until),
        own_certificate_until = coalesce($8::timestamptz, l.own_certificate_until),
        -- Whatever another process has found: it has taken a message since.
        refuses_since = CASE WHEN l.refuses_since > $9::timestamptz OR $9 IS NULL THEN l.refuses_since END,
        refusal = CASE WHEN l.refuses_since > $9::timestamptz OR $9 IS NULL THEN l.refusal END
    FROM before b WHERE l.room_id = b.room_id AND l.line = b.line
    RETURNING b.up IS DISTINCT FROM $5 AS changed, l.failures
)
SELECT changed, CASE WHEN changed OR failures = 2 THEN pg_notify('tgd', 'rooms')::text END AS told FROM now

-- name: refuses
-- Since when a line refuses everything, null: it does not; the consoles look at it again.
WITH told AS (
    UPDATE room_line SET refuses_since = $3::timestamptz, refusal = $4::text WHERE room_id = $1 AND line = $2
    RETURNING 1
)
SELECT pg_notify('tgd', 'rooms') FROM told

-- name: stranger
-- Somebody who is no room of the broker behind these addresses has written to us there.
UPDATE room_line SET stranger_at = $2 WHERE url = ANY ($1::text[]) AND adapter = 'amqp'

-- name: services
-- The services of the zone set in force.
SELECT s.id FROM zone_service s JOIN zone_set z ON z.no = s.set_no WHERE z.active
