-- name: arrived
-- A screen has connected. Who was gone is available again; who said "away" a moment ago stays so.
INSERT INTO presence (name, role, since, seen_at, ring_group, site)
SELECT $1, $2, $3, $3, coalesce(a.ring_group, 'first'), a.site
FROM (SELECT 1) AS here LEFT JOIN account a ON a.username = $1
ON CONFLICT (name) DO UPDATE SET
    role = excluded.role, seen_at = excluded.seen_at, ring_group = excluded.ring_group, site = excluded.site,
    wants = CASE WHEN presence.seen_at < $4 THEN 'available' ELSE presence.wants END,
    since = CASE WHEN presence.seen_at < $4 THEN excluded.since ELSE presence.since END

-- name: seen
-- Still there.
UPDATE presence SET seen_at = $2 WHERE name = $1

-- name: wants
-- To be rung, or not.
WITH said AS (
    INSERT INTO presence (name, role, wants, since, seen_at, ring_group, site)
    SELECT $1, $2, $3, $4, $4, coalesce(a.ring_group, 'first'), a.site
    FROM (SELECT 1) AS here LEFT JOIN account a ON a.username = $1
    ON CONFLICT (name) DO UPDATE SET wants = excluded.wants, since = excluded.since
    WHERE presence.wants <> excluded.wants
    RETURNING 1
), noted AS (
    INSERT INTO journal (at, actor, kind, details) SELECT $4, $1, 'presence', jsonb_build_object('state', $3) FROM said
)
SELECT pg_notify('tgd', 'alert') FROM said

-- name: present
-- Everybody seen within the last day. Busy: has an alert in charge that waits for a verdict. Without
-- the alerts of the persons $3.
WITH held AS (
    SELECT a.id, a.answered_by, a.status, a.opened_at FROM alert a
    WHERE a.status <> 'closed' AND a.released_at IS NULL AND a.answered_by IS NOT NULL
      AND ((SELECT s.beneficiary_id FROM assignment s WHERE s.id = a.assignment_id) = ANY ($3::uuid[])) IS NOT TRUE
)
SELECT p.name, p.role, p.ring_group, p.site, p.seen_at,
       CASE WHEN p.seen_at < $2 OR p.wants = 'away' THEN 'away'
            WHEN EXISTS (SELECT FROM held a WHERE a.answered_by = p.name AND a.status = 'answered') THEN 'busy'
            ELSE 'available' END AS state,
       CASE WHEN p.seen_at < $2 THEN p.seen_at ELSE p.since END AS since,
       ARRAY(SELECT a.id FROM held a WHERE a.answered_by = p.name ORDER BY a.opened_at) AS holds
FROM presence p WHERE p.seen_at > $1::timestamptz - interval '1 day'
ORDER BY p.ring_group, p.name

-- name: role_of
-- In which role somebody was last there.
SELECT role FROM presence WHERE name = $1

-- name: is_there
-- Connected, and wanting to be rung.
SELECT EXISTS (SELECT FROM presence WHERE name = $1 AND wants = 'available' AND seen_at >= $2)

-- name: left_alone
-- Open alerts whose holder was there when she answered ($2: as long as a screen counts unseen) and is
-- not any more: her screen has not been seen since $1, or she has said so before $1 and done nothing
-- with the alert since. A program that never listened is not missed.
SELECT a.id, p.name FROM alert a JOIN presence p ON p.name = a.answered_by
WHERE a.status <> 'closed' AND a.released_at IS NULL
  AND (p.seen_at < $1 AND p.seen_at >= a.answered_at - $2::interval
       OR p.wants = 'away' AND p.since < $1
          AND NOT EXISTS (SELECT FROM journal j WHERE j.chain = a.id AND j.actor = p.name AND j.at > p.since))

-- name: unattended
-- Alerts that ring the first group alone although nobody of it is there, and others are.
SELECT a.id FROM alert a
WHERE a.status = 'ringing' AND a.rings = 'first'
  AND NOT EXISTS (SELECT FROM presence p WHERE p.ring_group = 'first' AND p.role <> 'supervisor'
                    AND p.wants = 'available' AND p.seen_at >= $1)
  AND EXISTS (SELECT FROM presence p WHERE p.wants = 'available' AND p.seen_at >= $1)

-- name: available
-- How many are there to be rung, by group.
SELECT ring_group, count(*)::int AS n FROM presence WHERE wants = 'available' AND seen_at >= $1
GROUP BY ring_group

-- name: held
-- What somebody has in charge, and whose each is.
SELECT a.id, s.beneficiary_id AS person FROM alert a LEFT JOIN assignment s ON s.id = a.assignment_id
WHERE a.answered_by = $1 AND a.status <> 'closed' AND a.released_at IS NULL ORDER BY a.opened_at
