-- name: list
-- Releases and leaves, the soonest first; $1 a tribunal or all, $2 open ones only, $4 one, $5 persons whose not.
SELECT s.id, s.tribunal_id, s.beneficiary_id, s.kind, s.happens_at, s.recorded_at, s.recorded_by, s.device_id,
       s.evaluated_at, s.evaluated_by, s.outcome, b.label AS beneficiary
FROM release s JOIN beneficiary b ON b.id = s.beneficiary_id
WHERE ($1::text IS NULL OR s.tribunal_id = $1) AND (NOT $2::boolean OR s.evaluated_at IS NULL)
  AND ($4::uuid IS NULL OR s.id = $4) AND s.beneficiary_id <> ALL ($5::uuid[])
ORDER BY s.happens_at, s.id LIMIT $3

-- name: add
-- What was announced.
INSERT INTO release (id, tribunal_id, beneficiary_id, kind, happens_at, recorded_at, recorded_by, device_id)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)

-- name: where
-- Whose it is.
SELECT tribunal_id FROM release WHERE id = $1

-- name: hold
-- One under its lock.
SELECT id, tribunal_id, beneficiary_id, device_id, evaluated_at, outcome FROM release WHERE id = $1 FOR NO KEY UPDATE

-- name: evaluated
-- What the new evaluation found.
UPDATE release SET evaluated_at = $2, evaluated_by = $3, outcome = $4 WHERE id = $1

-- name: given
-- The reserved phone was given to her: the release is answered.
UPDATE release SET evaluated_at = $2, evaluated_by = $3, outcome = 'phone_needed'
WHERE beneficiary_id = $1 AND evaluated_at IS NULL RETURNING id, device_id

-- name: lock_out
-- A reader who must not know.
INSERT INTO conflict (id, beneficiary_id, kind, value, recorded_at, recorded_by) VALUES ($1, $2, $3, $4, $5, $6)

-- name: lift
-- A conflict that is none any more.
UPDATE conflict SET lifted_at = $4, lifted_by = $5
WHERE beneficiary_id = $1 AND kind = $2 AND value = $3 AND lifted_at IS NULL RETURNING id

-- name: locks_of
-- Who must not know of a person; whether anybody is called so yet, for an account may come later.
SELECT c.kind, c.value, CASE c.kind
       WHEN 'account' THEN lower(c.value) IN (SELECT lower(username) FROM account UNION SELECT lower(name) FROM token
                                              UNION SELECT lower(name) FROM presence)
       WHEN 'site' THEN lower(c.value) IN (SELECT lower(site) FROM account WHERE site IS NOT NULL)
       ELSE true END AS known
FROM conflict c WHERE c.beneficiary_id = $1 AND c.lifted_at IS NULL ORDER BY c.kind, c.value
