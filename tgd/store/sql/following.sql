-- name: moved
-- Alerts with the police whose phone was placed since a room was last sent anything, longest ago
-- first: what the rooms know, and what is known now. Where rooms are told by telephone alone, since
-- the police were sent, and last. Not once live positions have ended ($2 is now). $3: of these only.
SELECT a.id AS alert_id, t.told_at, t.by_voice,
       ARRAY(SELECT p FROM position p WHERE p.alert_id = a.id AND p.received_at <= t.told_at
             ORDER BY p.no DESC LIMIT 12) AS known,
       ARRAY(SELECT p FROM position p WHERE p.alert_id = a.id ORDER BY p.no DESC LIMIT 12) AS positions
FROM alert a
JOIN LATERAL (
    SELECT coalesce(min(d.latest), a.police_at) AS told_at, min(d.latest) IS NULL AS by_voice
    FROM (SELECT max(e.created_at) AS latest FROM envelope e JOIN dispatch w ON w.id = e.dispatch_id
          WHERE e.alert_id = a.id AND e.state <> 'expired' AND w.withdrawn_at IS NULL
          GROUP BY e.dispatch_id) d) t ON true
WHERE a.status = 'police' AND a.located AND ($3::uuid[] IS NULL OR a.id = ANY ($3))
  AND $2::timestamptz < greatest(a.last_press_at + interval '2 hours', a.followed_until)
  AND EXISTS (SELECT FROM position p WHERE p.alert_id = a.id AND p.received_at > t.told_at)
ORDER BY t.by_voice, t.told_at LIMIT $1

-- name: followed
-- Alerts with the police whose phones may be followed.
SELECT a.id FROM alert a WHERE a.status = 'police' AND a.located

-- name: picture
-- What the operator is shown of one alert's whereabouts: its latest positions, when live ones end,
-- and whether the register says that she withdrew her consent meanwhile.
SELECT s.beneficiary_id, a.status <> 'closed' AS open, a.status <> 'closed' AND a.located AS live,
       greatest(a.last_press_at + interval '2 hours', a.followed_until) AS live_until,
       a.located AND a.status <> 'closed' AND coalesce((
           SELECT NOT c.given FROM consent c
           WHERE c.assignment_id = a.assignment_id AND c.kind = 'location' ORDER BY c.no DESC LIMIT 1), false)
           AS withdrawn,
       ARRAY(SELECT p FROM position p WHERE p.alert_id = a.id ORDER BY p.no DESC LIMIT $2) AS positions
FROM alert a LEFT JOIN assignment s ON s.id = a.assignment_id
WHERE a.id = $1
