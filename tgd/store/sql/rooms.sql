-- name: told
-- All rooms for routing, each with its lines of the adapters $1.
SELECT r.id, r.name, r.phone, r.is_default,
       ARRAY(SELECT l.line FROM room_line l WHERE l.room_id = r.id AND l.adapter = ANY ($1::text[])
             ORDER BY l.line) AS lines
FROM room r ORDER BY r.id

-- name: by_inbound_token
-- The room that calls with a token of this SHA-256.
SELECT id, address FROM room WHERE inbound_token = $1

-- name: lines
-- Every line, for whoever checks them.
SELECT room_id, line, adapter, url, token, timeout_s FROM room_line ORDER BY room_id, line

-- name: one_import_at_a_time
-- Two imports would see half of each other. Dispatches go on meanwhile.
LOCK TABLE room IN SHARE ROW EXCLUSIVE MODE

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
INSERT INTO room (id, name, institution, address, services, phone, is_default, neighbour, inbound_token)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (id) DO UPDATE SET
    name = excluded.name, institution = excluded.institution, address = excluded.address,
    services = excluded.services, phone = excluded.phone, is_default = excluded.is_default,
    neighbour = excluded.neighbour, inbound_token = excluded.inbound_token

-- name: drop_lines
-- The lines of these rooms, before the new ones.
DELETE FROM room_line WHERE room_id = ANY ($1::text[])

-- name: put_line
-- One line of a room.
INSERT INTO room_line (room_id, line, adapter, url, token, timeout_s) VALUES ($1, $2, $3, $4, $5, $6)
