-- name: of_beneficiaries
-- The places of these persons, each with the key that opens it; in no order that matters.
SELECT p.id, p.beneficiary_id, p.kind, p.content, b.key
FROM known_place p JOIN beneficiary b ON b.id = p.beneficiary_id
WHERE p.beneficiary_id = ANY ($1::uuid[])

-- name: hold_key
-- The person's key, kept as it is until the end of the transaction.
SELECT key FROM beneficiary WHERE id = $1 FOR NO KEY UPDATE

-- name: put_key
-- The key of her file; null while nothing is sealed under it.
UPDATE beneficiary SET key = $2 WHERE id = $1

-- name: drop
-- Her places, all of them.
DELETE FROM known_place WHERE beneficiary_id = $1

-- name: put
-- One place.
INSERT INTO known_place (id, beneficiary_id, kind, content, created_at) VALUES ($1, $2, $3, $4, $5)

-- name: holders
-- Who holds these phones: as an alert of each would find it.
SELECT d.id AS device, h.beneficiary_id
FROM device d LEFT JOIN holder h ON h.device = d.id
WHERE d.id = ANY ($1::text[])
