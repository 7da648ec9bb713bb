-- name: open
-- Somebody opens a file, on the record.
WITH opened AS (
    INSERT INTO break_glass (id, beneficiary_id, reader, role, at, until, reason, key)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $9)
)
INSERT INTO journal (at, actor, alert_id, assignment_id, kind, details)
SELECT $5::timestamptz, $3, $8::uuid,
       (SELECT id FROM assignment WHERE beneficiary_id = $2 ORDER BY starts_at DESC LIMIT 1), 'glass_broken',
       jsonb_build_object('opening', $1::text, 'role', $4::text, 'until', $6::timestamptz)

-- name: until
-- Until when a file is open to somebody.
SELECT max(until) FROM break_glass WHERE beneficiary_id = $1 AND reader = $2 AND until > $3

-- name: list
-- Openings, the latest first; $1 a tribunal or all, $2 of whom not.
SELECT g.id, g.reader, g.role, g.at, g.until, g.reason, g.key, g.beneficiary_id, b.label AS beneficiary
FROM break_glass g JOIN beneficiary b ON b.id = g.beneficiary_id
WHERE g.beneficiary_id <> ALL ($2::uuid[]) AND ($1::text IS NULL OR EXISTS (
    SELECT FROM assignment a WHERE a.beneficiary_id = g.beneficiary_id AND a.tribunal_id = $1))
ORDER BY g.at DESC LIMIT $3

-- name: many
-- Somebody has read many files without an alert.
INSERT INTO journal (at, actor, kind, details) VALUES ($1, $2, 'many_files_read', $3)
