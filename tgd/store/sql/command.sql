-- name: record
-- An administrative act in the journal, which concerns no alert.
INSERT INTO journal (at, actor, kind, details) VALUES ($1, $2, $3, $4::jsonb)
