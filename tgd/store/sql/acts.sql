-- name: begin
-- Who acts under this key waits for whoever does; until the transaction ends, entries name it.
SELECT pg_advisory_xact_lock(hashtextextended($1 || ' ' || $2, 7413860011)), set_config('tgd.act', $2, true)

-- name: done
-- What somebody has entered under this key.
SELECT kind, assignment_id, details FROM journal
WHERE actor = $1 AND details ->> 'act' = $2 AND details ? 'act' AND alert_id IS NULL ORDER BY no
