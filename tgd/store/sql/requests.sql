-- name: list
-- Requests, the oldest first; $1 a tribunal or all, $2 the statuses, $3 and $4 the cursor, $6 one,
-- $7 persons whose are neither shown nor counted.
SELECT r.id, r.tribunal_id, r.beneficiary_id, r.asked_at, r.source, r.means, r.legal_basis, r.status, r.reason,
       r.reason_at, r.recorded_by, r.decided_at, r.decided_by, b.label AS beneficiary,
       f.content AS file, f.key AS file_key, a.id AS assignment_id,
       CASE WHEN r.status IN ('open', 'waiting') THEN (
           SELECT count(*)::int FROM request o WHERE o.tribunal_id = r.tribunal_id AND o.status IN ('open', 'waiting')
             AND (o.asked_at, o.id) <= (r.asked_at, r.id) AND o.beneficiary_id <> ALL ($7::uuid[])) END AS place
FROM request r
JOIN beneficiary b ON b.id = r.beneficiary_id
LEFT JOIN person_file f ON f.beneficiary_id = r.beneficiary_id
LEFT JOIN assignment a ON a.request_id = r.id
WHERE ($1::text IS NULL OR r.tribunal_id = $1) AND r.status = ANY ($2::text[])
  AND ($3::timestamptz IS NULL OR (r.asked_at, r.id) > ($3, $4::uuid))
  AND ($6::uuid IS NULL OR r.id = $6) AND r.beneficiary_id <> ALL ($7::uuid[])
ORDER BY r.asked_at, r.id LIMIT $5

-- name: where
-- Whose request it is.
SELECT tribunal_id FROM request WHERE id = $1

-- name: hold
-- One request under its lock.
SELECT id, tribunal_id, beneficiary_id, status, legal_basis FROM request WHERE id = $1 FOR NO KEY UPDATE

-- name: unmet_of
-- The request of a person that is not met yet.
SELECT id FROM request WHERE beneficiary_id = $1 AND tribunal_id = $2 AND status IN ('open', 'waiting')

-- name: add
-- Somebody asks.
INSERT INTO request (id, tribunal_id, beneficiary_id, asked_at, source, means, legal_basis, status, reason, reason_at,
                     recorded_by, decided_at, decided_by)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, CASE WHEN $8 <> 'open' THEN $10::timestamptz END,
        CASE WHEN $8 <> 'open' THEN $11 END)

-- name: settle
-- What was decided, and why it is not met where it is not.
UPDATE request SET status = $2, reason = $3, reason_at = $4, decided_at = $4, decided_by = $5 WHERE id = $1
