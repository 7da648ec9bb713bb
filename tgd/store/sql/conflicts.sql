-- name: standing
-- Every lock that stands, of those linked to her too.
SELECT beneficiary_id, kind, value FROM standing_lock

-- name: sites
-- Where accounts work.
SELECT username, site FROM account WHERE site IS NOT NULL

-- name: of_alerts
-- Whom these alerts are about.
SELECT s.beneficiary_id FROM alert a JOIN assignment s ON s.id = a.assignment_id WHERE a.id = ANY ($1::uuid[])

-- name: of_recontacts
-- Whom a call back is to.
SELECT s.beneficiary_id FROM recontact r JOIN alert a ON a.id = r.alert_id JOIN assignment s ON s.id = a.assignment_id
WHERE r.id = ANY ($1::uuid[])

-- name: of_assignments
-- Who has been given a phone.
SELECT beneficiary_id FROM assignment WHERE id = ANY ($1::uuid[])

-- name: of_beneficiaries
-- The person herself.
SELECT id FROM beneficiary WHERE id = ANY ($1::uuid[])

-- name: of_requests
-- For whom a phone was asked.
SELECT beneficiary_id FROM request WHERE id = ANY ($1::uuid[])

-- name: of_releases
-- Whose aggressor comes out.
SELECT beneficiary_id FROM release WHERE id = ANY ($1::uuid[])

-- name: of_devices
-- Who has a phone, or for whom it waits.
SELECT beneficiary_id FROM assignment WHERE device_id = ANY ($1::text[]) AND returned_at IS NULL
UNION ALL
SELECT beneficiary_id FROM release WHERE device_id = ANY ($1::text[]) AND evaluated_at IS NULL

-- name: note_lookup
-- Somebody looked for what is locked to him; not in the first minute of a lock, when a page that has
-- just lost an alert reads it once more.
INSERT INTO journal (at, actor, assignment_id, kind, details)
SELECT $2::timestamptz, $3, (SELECT id FROM assignment WHERE beneficiary_id = $1 ORDER BY starts_at DESC LIMIT 1),
       'locked_lookup', jsonb_build_object('beneficiary', $1::text, 'of', $4::text)
WHERE NOT EXISTS (SELECT FROM conflict WHERE beneficiary_id = $1 AND lifted_at IS NULL
                    AND recorded_at > $2::timestamptz - interval '1 minute')

-- name: at_stake
-- The open alerts of persons of whom somebody may not know: who has each, and who is told of it.
SELECT a.id, s.beneficiary_id AS person, a.status = 'ringing' OR (a.status = 'answered' AND a.released_at IS NOT NULL)
           AS waits,
       CASE WHEN a.released_at IS NULL THEN a.answered_by END AS holder, a.offered_to,
       a.rings = 'everyone' AND EXISTS (
           SELECT FROM task t WHERE t.alert_id = a.id AND t.about = 'superior' AND t.done_at IS NULL) AS passed_over,
       ARRAY(SELECT ROW(r.id, r.institution) FROM dispatch d JOIN room r ON r.id = d.room_id
             WHERE d.alert_id = a.id AND d.withdrawn_at IS NULL) AS rooms
FROM alert a JOIN assignment s ON s.id = a.assignment_id
WHERE a.status <> 'closed' AND s.beneficiary_id = ANY ($1::uuid[])

-- name: readers
-- Everybody who may read alerts: in which role, rung when, and whether she is there since $1.
SELECT coalesce(p.name, a.username) AS name, coalesce(p.role, a.role) AS role, p.ring_group = 'first' AS first,
       coalesce(p.wants = 'available' AND p.seen_at >= $1, false) AS there
FROM presence p FULL JOIN account a ON a.username = p.name
