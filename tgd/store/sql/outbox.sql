-- name: claim
-- Lease messages that are to be sent now.
SELECT * FROM claim_envelopes($1, $2, $3)

-- name: keep_contents
-- What was built is what will be repeated.
UPDATE envelope e SET content = c.content
FROM unnest($1::uuid[], $2::bytea[]) AS c (id, content) WHERE e.id = c.id

-- name: record
-- What became of sendings.
SELECT * FROM record_sent($1, $2, $3, $4)

-- name: waiting
-- How many messages are not delivered.
SELECT count(*) FROM envelope WHERE state IN ('waiting', 'sending')
