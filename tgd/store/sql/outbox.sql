-- name: claim
-- Lease messages that are to be sent now. A lease that a crash loses is taken anew: its commit waits
-- for no disk. What is to be sent is kept by the next one, which does, and for both.
SELECT c.* FROM claim_envelopes($1, $2, $3) AS c, set_config('synchronous_commit', 'off', true)

-- name: keep_contents
-- What was built is what will be repeated; unless its alert has been given another key meanwhile:
-- what is sealed under the former opens no more, and is built anew.
WITH held AS (
    SELECT a.id FROM alert a JOIN unnest($3::uuid[], $4::bytea[]) AS k (id, key) ON k.id = a.id AND k.key = a.key
    ORDER BY a.id FOR SHARE OF a
)
UPDATE envelope e SET content = c.content
FROM unnest($1::uuid[], $2::bytea[]) AS c (id, content)
WHERE e.id = c.id AND e.alert_id IN (SELECT id FROM held)

-- name: record
-- What became of sendings.
SELECT * FROM record_sent($1, $2, $3, $4)

-- name: waiting
-- How many messages are not delivered.
SELECT count(*) FROM envelope WHERE state IN ('waiting', 'sending')

-- name: known
-- What messages about these alerts may tell of their holders, sealed.
SELECT * FROM known_of_alerts($1)

-- name: background
-- What a decision needs to choose an alert's rooms and to write to them.
SELECT b.*, k.* FROM background_of_alert($1) AS b, known_of_alerts(ARRAY[$1::uuid]) AS k
