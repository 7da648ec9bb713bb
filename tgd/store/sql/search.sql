-- name: persons
-- Persons by the hash $1 of a name, or $2 of their phone's number; $3 a tribunal or all.
SELECT b.id AS beneficiary_id, b.label AS beneficiary, f.content AS file, f.key AS file_key,
       a.id AS assignment_id, a.device_id, a.status, r.id AS request_id, r.status AS request_status
FROM beneficiary b
LEFT JOIN person_file f ON f.beneficiary_id = b.id
LEFT JOIN LATERAL (
    SELECT s.id, s.device_id, s.status, s.tribunal_id FROM assignment s WHERE s.beneficiary_id = b.id
    ORDER BY s.starts_at DESC LIMIT 1) a ON true
LEFT JOIN LATERAL (
    SELECT q.id, q.status, q.tribunal_id FROM request q WHERE q.beneficiary_id = b.id
    ORDER BY q.asked_at DESC LIMIT 1) r ON true
WHERE (b.id IN (SELECT p.beneficiary_id FROM person_file p WHERE p.name_digest = $1)
       OR b.id IN (SELECT s.beneficiary_id FROM device d JOIN assignment s ON s.device_id = d.id
                   WHERE d.number_digest = $2 AND s.returned_at IS NULL))
  AND ($3::text IS NULL OR $3 IN (a.tribunal_id, r.tribunal_id))
ORDER BY b.id LIMIT 50

-- name: by_number
-- The phone with the number of this hash.
SELECT id FROM device WHERE number_digest = $1 ORDER BY id LIMIT 1
