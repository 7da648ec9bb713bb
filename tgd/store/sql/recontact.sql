-- name: list
-- Calls back, open ones soonest due first, done ones latest first; of those whom $2 follows at $3, or
-- all, and to none of the persons $5.
SELECT r.id, r.alert_id, r.hours, r.owner, r.due_at, r.done_at, r.done_by, a.case_id, a.device,
       b.label AS beneficiary, a.verdict, a.outcome, a.closed_at, a.coerced
FROM recontact r JOIN alert a ON a.id = r.alert_id
LEFT JOIN assignment s ON s.id = a.assignment_id
LEFT JOIN beneficiary b ON b.id = s.beneficiary_id
WHERE (r.done_at IS NOT NULL) = $1 AND (s.beneficiary_id = ANY ($5::uuid[])) IS NOT TRUE
  AND ($2::text IS NULL OR EXISTS (
    SELECT FROM followed f
    WHERE f.username = $2 AND f.beneficiary_id = s.beneficiary_id AND f.since <= $3 AND f.until > $3))
ORDER BY CASE WHEN r.done_at IS NULL THEN r.due_at END, r.done_at DESC, r.hours LIMIT $4

-- name: hold
-- One call back and its alert, both locked: a second person who makes the same call sees the first.
SELECT r.id, r.alert_id, r.hours, r.due_at, r.done_at, r.done_by, a.key, s.beneficiary_id
FROM recontact r JOIN alert a ON a.id = r.alert_id LEFT JOIN assignment s ON s.id = a.assignment_id
WHERE r.id = $1 FOR UPDATE OF a, r

-- name: done
-- She was called; who did it, and how late, is a fact of the alert's.
WITH told AS (
    UPDATE recontact SET done_at = $2, done_by = $3 WHERE id = $1 AND done_at IS NULL
    RETURNING alert_id, hours, due_at
)
INSERT INTO journal (at, actor, alert_id, kind, details)
SELECT $2, $3, alert_id, 'recontacted',
       jsonb_build_object('hours', hours, 'late', due_at < $2::timestamptz)
FROM told

-- name: rekey
-- What was kept of the alert is erased, its key with it: a new note has a key and a term of its own.
UPDATE alert SET key = $2, forget_at = least(forget_at, $3::timestamptz + interval '3 days')
WHERE id = $1 AND key IS NULL

-- name: overdue
-- How many calls back are late.
SELECT count(*)::int FROM recontact WHERE done_at IS NULL AND due_at <= $1
