-- name: add
-- Keep that a room has said this; nothing where it has said something under this id before. Waits for
-- whoever is keeping the same just now.
INSERT INTO heard (room_id, id, digest, alerts, heard_at) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (room_id, id) DO NOTHING RETURNING digest

-- name: said
-- What it said then. A statement of its own: it is to see what was committed during the other.
SELECT digest FROM heard WHERE room_id = $1 AND id = $2
