-- name: list
-- Assignments, the latest first; $1 a tribunal or all, $2 a status, $3 a phone, $4 and $5 the cursor,
-- $7 one, $8 persons who are not named.
SELECT a.id, a.device_id, a.beneficiary_id, a.status, a.legal_basis, a.content, a.key, a.starts_at, a.term_at,
       a.ends_at, a.renewals, a.request_id, a.replaces, a.decided_by, a.handed_over_at, a.tested_at, a.tested_by,
       a.ended_at, a.ended_by, a.end_reason, a.returned_at, a.returned_by, a.wiped_at, a.wiped_by,
       b.label AS beneficiary, b.listen, b.all_clear_word IS NOT NULL AS word_agreed,
       w.days AS seen_days, w.seen_at, w.seen_by,
       f.content AS file, f.key AS file_key, d.state AS device_state, a.tribunal_id,
       (SELECT jsonb_object_agg(c.kind, c.given) FROM (
            SELECT DISTINCT ON (k.kind) k.kind, k.given FROM consent k WHERE k.assignment_id = a.id
            ORDER BY k.kind, k.no DESC) AS c) AS consents,
       ARRAY(SELECT l.other FROM linked_person l
             WHERE l.one = a.beneficiary_id AND l.other <> ALL ($8::uuid[]) ORDER BY l.other) AS linked,
       ARRAY(SELECT c.kind || ':' || c.value FROM conflict c
             WHERE c.beneficiary_id = a.beneficiary_id AND c.lifted_at IS NULL ORDER BY 1) AS conflicts
FROM assignment a
JOIN device d ON d.id = a.device_id
JOIN beneficiary b ON b.id = a.beneficiary_id
LEFT JOIN person_file f ON f.beneficiary_id = a.beneficiary_id
LEFT JOIN LATERAL (
    SELECT t.days, t.seen_at, t.seen_by FROM term_warning t
    WHERE t.assignment_id = a.id AND t.ends_at = a.ends_at ORDER BY t.days LIMIT 1) w ON true
WHERE ($1::text IS NULL OR a.tribunal_id = $1) AND ($2::text IS NULL OR a.status = $2)
  AND ($3::text IS NULL OR a.device_id = $3)
  AND ($4::timestamptz IS NULL OR (a.starts_at, a.id) < ($4, $5::uuid))
  AND ($7::uuid IS NULL OR a.id = $7) AND a.beneficiary_id <> ALL ($8::uuid[])
ORDER BY a.starts_at DESC, a.id DESC LIMIT $6

-- name: where
-- Whose an assignment is, and whose its phone, before anything is locked.
SELECT a.device_id, a.tribunal_id AS given_by, d.tribunal_id, d.lent_to FROM assignment a JOIN device d ON d.id = a.device_id WHERE a.id = $1

-- name: hold
-- One assignment under its lock, as the rules see it.
SELECT a.id, a.device_id, a.beneficiary_id, a.status, coalesce(a.term_at, a.starts_at) AS term_at, a.starts_at,
       a.ends_at, a.ended_at, a.legal_basis, a.content, a.key, a.handed_over_at, a.request_id,
       d.state AS device_state, d.imei, d.sim, d.key AS sim_key, coalesce(d.label, d.id) AS label,
       NOT EXISTS (SELECT FROM assignment w WHERE w.device_id = d.id AND w.returned_at IS NOT NULL
                   AND w.wiped_at IS NULL) AS device_wiped,
       (SELECT c.given FROM consent c WHERE c.assignment_id = a.id AND c.kind = 'location'
        ORDER BY c.no DESC LIMIT 1) AS located
FROM assignment a JOIN device d ON d.id = a.device_id
WHERE a.id = $1 FOR NO KEY UPDATE OF a, d

-- name: heard
-- The latest test of an assignment's phone since it was handed over that an operator has heard, or
-- that of one press; where there is none yet, nothing.
SELECT t.press_id AS id, t.pressed_at, true AS heard, coalesce(t.located IN ('yes', 'stale'), false) AS located
FROM phone_test t
WHERE t.assignment_id = $1 AND t.pressed_at >= $2 AND t.voided_at IS NULL
  AND ($3::uuid IS NULL OR EXISTS (
      SELECT FROM alert_press k JOIN press p ON p.no = k.press_no WHERE k.alert_id = t.alert_id AND p.id = $3))
ORDER BY t.decided_at DESC LIMIT 1

-- name: add
-- A phone for a person: six months at most.
INSERT INTO assignment (id, device_id, beneficiary_id, starts_at, ends_at, term_at, handed_over_at, request_id,
                        replaces, decided_by, legal_basis, content, key)
VALUES ($1, $2, $3, $4, $5, $4, $6, $7, $8, $9, $10, $11, $12)

-- name: consent
-- What she agreed to, or did not.
INSERT INTO consent (assignment_id, kind, given, at, recorded_by) VALUES ($1, $2, $3, $4, $5)

-- name: consents_of
-- The latest of each kind.
SELECT DISTINCT ON (kind) kind, given FROM consent WHERE assignment_id = $1 ORDER BY kind, no DESC

-- name: hand_over
-- The phone is in her hands.
UPDATE assignment SET handed_over_at = $2 WHERE id = $1

-- name: tested
-- The hand-over is finished.
UPDATE assignment SET handed_over_at = coalesce(handed_over_at, $4), tested_at = coalesce(tested_at, $2),
                      tested_by = coalesce(tested_by, $3)
WHERE id = $1

-- name: renew
-- Another term.
UPDATE assignment SET term_at = $2, ends_at = $3, renewals = renewals + 1 WHERE id = $1

-- name: shorten
-- An earlier end of the present term.
UPDATE assignment SET ends_at = $2 WHERE id = $1

-- name: end
-- By a person, for a reason.
UPDATE assignment SET ended_at = $2, ended_by = $3, end_reason = $4 WHERE id = $1

-- name: give_back
-- The phone is back, as somebody attests.
UPDATE assignment SET returned_at = $2, returned_by = $3 WHERE id = $1

-- name: content
-- What is sealed about an assignment, and what opens it.
UPDATE assignment SET content = $2, key = $3 WHERE id = $1

-- name: warned
-- Somebody has seen that its term ends so; again changes nothing.
INSERT INTO term_warning (assignment_id, ends_at, days, seen_at, seen_by) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT DO NOTHING

-- name: unseen
-- How many terms end of which nobody has taken note yet, by step (`domain.life.warning`).
SELECT w.days, count(*)::int AS terms
FROM assignment a, LATERAL (SELECT CASE WHEN a.ends_at <= $1 THEN 0 WHEN a.ends_at <= $1 + interval '7 days' THEN 7
                                        WHEN a.ends_at <= $1 + interval '30 days' THEN 30 ELSE 60 END AS days) w
WHERE a.ended_at IS NULL AND a.ends_at <= $1::timestamptz + interval '60 days'
  AND NOT EXISTS (SELECT FROM term_warning t
                  WHERE t.assignment_id = a.id AND t.ends_at = a.ends_at AND t.days <= w.days)
GROUP BY w.days

-- name: set_basis
-- 1° or 2°.
UPDATE assignment SET legal_basis = $2 WHERE id = $1

-- name: add_beneficiary
-- A person; what is known of her is sealed elsewhere.
INSERT INTO beneficiary (id, label, listen, all_clear_word, word_key, created_at) VALUES ($1, $2, $3, $4, $5, $6)

-- name: amend_beneficiary
-- How her phone listens; a label where hers was erased. What is not said stays.
UPDATE beneficiary SET listen = coalesce($2, listen), label = CASE WHEN label = '—' THEN $3 ELSE label END
WHERE id = $1

-- name: of_tribunal
-- Is this person one of a tribunal's: of its assignments, its requests or its releases?
SELECT EXISTS (SELECT FROM assignment a WHERE a.beneficiary_id = $1 AND ($2::text IS NULL OR a.tribunal_id = $2))
    OR EXISTS (SELECT FROM request r WHERE r.beneficiary_id = $1 AND ($2::text IS NULL OR r.tribunal_id = $2))
    OR EXISTS (SELECT FROM release s WHERE s.beneficiary_id = $1 AND ($2::text IS NULL OR s.tribunal_id = $2))

-- name: active_of
-- The assignment that a person has.
SELECT id FROM assignment WHERE beneficiary_id = $1 AND ended_at IS NULL

-- name: journal
-- What happened to an assignment, oldest first.
SELECT no, at, actor, kind, details, number, hash FROM journal WHERE assignment_id = $1 ORDER BY no
