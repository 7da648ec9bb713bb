-- name: of_alert
-- The file of an alert's holder.
SELECT a.status <> 'closed' AS open, s.beneficiary_id, f.content, f.key
FROM alert a
LEFT JOIN assignment s ON s.id = a.assignment_id
LEFT JOIN person_file f ON f.beneficiary_id = s.beneficiary_id
WHERE a.id = $1

-- name: put
-- A person's file instead of the one before, whose key goes.
WITH before AS (
    SELECT key FROM person_file WHERE beneficiary_id = $1 FOR UPDATE
), gone AS (
    INSERT INTO dead_key (key, dead_at) SELECT key, $4 FROM before ON CONFLICT DO NOTHING
)
INSERT INTO person_file (beneficiary_id, content, key, changed_at, name_digest) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (beneficiary_id) DO UPDATE SET
    content = excluded.content, key = excluded.key, changed_at = excluded.changed_at,
    name_digest = excluded.name_digest

-- name: file_of
-- The file of a person.
SELECT content, key FROM person_file WHERE beneficiary_id = $1

-- name: note_reading
-- Who read a person's file, and for which alert.
INSERT INTO journal (at, actor, alert_id, assignment_id, kind)
SELECT $3, $2, id, assignment_id, 'file_read' FROM alert WHERE id = $1

-- name: link
-- Two persons whose alerts name each other.
INSERT INTO linked_person (one, other) VALUES ($1, $2), ($2, $1) ON CONFLICT DO NOTHING
