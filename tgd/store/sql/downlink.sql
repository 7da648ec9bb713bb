-- name: waiting
-- What phones are still to be told, oldest first.
SELECT no, reply_to, message, at FROM downlink ORDER BY no LIMIT 500 FOR UPDATE SKIP LOCKED

-- name: remove
-- Published, or void.
DELETE FROM downlink WHERE no = ANY ($1::bigint[])
