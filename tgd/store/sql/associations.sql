-- name: list
-- Conventions with those cleared under them and whom each follows; $1 a tribunal or all, $2 one.
SELECT c.id, c.tribunal_id, c.association, c.starts_at, c.ends_at, c.recorded_at, c.recorded_by, c.ended_at, c.ended_by,
       coalesce((
           SELECT jsonb_agg(jsonb_build_object(
               'id', k.id, 'username', a.username, 'cleared_at', k.cleared_at, 'cleared_by', k.cleared_by,
               'people', coalesce((
                   SELECT jsonb_agg(jsonb_build_object('id', b.id, 'label', b.label) ORDER BY b.label, b.id)
                   FROM entrusted e JOIN beneficiary b ON b.id = e.beneficiary_id
                   WHERE e.clearance_id = k.id AND e.ended_at IS NULL), '[]')
           ) ORDER BY a.username)
           FROM clearance k JOIN account a ON a.id = k.account_id
           WHERE k.convention_id = c.id AND k.ended_at IS NULL), '[]') AS clearances
FROM convention c
WHERE ($1::text IS NULL OR c.tribunal_id = $1) AND ($2::uuid IS NULL OR c.id = $2)
ORDER BY c.ends_at DESC, c.id LIMIT 500

-- name: add
-- A convention with an association.
INSERT INTO convention (id, tribunal_id, association, starts_at, ends_at, recorded_at, recorded_by)
VALUES ($1, $2, $3, $4, $5, $6, $7)

-- name: end
-- The convention ends before its term.
UPDATE convention SET ended_at = $2, ended_by = $3 WHERE id = $1 AND ended_at IS NULL

-- name: member
-- The account of somebody of an association's staff.
SELECT id FROM account WHERE username = $1 AND role = 'association' AND disabled_at IS NULL

-- name: clear
-- One member is cleared; again changes nothing.
INSERT INTO clearance (id, convention_id, account_id, cleared_at, cleared_by) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT DO NOTHING

-- name: clearance
-- One clearance that stands, its convention and its member, held.
SELECT k.id, k.convention_id, c.tribunal_id, a.username
FROM clearance k JOIN convention c ON c.id = k.convention_id JOIN account a ON a.id = k.account_id
WHERE k.id = $1 AND k.ended_at IS NULL FOR NO KEY UPDATE OF k

-- name: end_clearance
-- A member sees nobody any more.
UPDATE clearance SET ended_at = $2, ended_by = $3 WHERE id = $1 AND ended_at IS NULL

-- name: entrust
-- A member follows a person; again changes nothing.
INSERT INTO entrusted (clearance_id, beneficiary_id, entrusted_at, entrusted_by) VALUES ($1, $2, $3, $4)
ON CONFLICT DO NOTHING

-- name: take_back
-- A member follows a person no longer.
UPDATE entrusted SET ended_at = $3, ended_by = $4
WHERE clearance_id = $1 AND beneficiary_id = $2 AND ended_at IS NULL

-- name: note
-- What was done, in the journal; where a person is meant, in that of her latest assignment.
INSERT INTO journal (at, actor, assignment_id, kind, details)
SELECT $1, $2, (SELECT a.id FROM assignment a WHERE a.beneficiary_id = $3 ORDER BY a.starts_at DESC LIMIT 1), $4,
       under_key($5)

-- name: followed
-- Of these persons, whom somebody follows at a moment.
SELECT DISTINCT beneficiary_id FROM followed
WHERE username = $1 AND beneficiary_id = ANY ($2::uuid[]) AND since <= $3 AND until > $3
