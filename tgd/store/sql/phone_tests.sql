-- name: keep
-- What the alert $1 has proved of its phone: $2 kind, $3 located, $4 radius, $5 word. A phone that
-- the register does not know has nobody who could test it.
INSERT INTO phone_test (kind, alert_id, device_id, assignment_id, beneficiary_id, press_id, presses, paths, pressed_at,
                        received_at, answered_at, heard_at, decided_at, decided_by, located, radius, word,
                        batt, radio, radio_at)
SELECT $2, a.id, d.id, s.id, s.beneficiary_id, coalesce(f.ids[1], a.last_press_id), a.presses,
       coalesce(f.paths, '{}'), a.pressed_at, coalesce(f.received_at, a.opened_at), a.answered_at,
       a.holder_heard_at, a.verdict_at, a.verdict_by, $3, $4, $5, f.batts[1], h.conn, h.heartbeat_at
FROM alert a JOIN device d ON d.id = a.device LEFT JOIN assignment s ON s.id = a.assignment_id
LEFT JOIN device_health h ON h.device = d.id,
LATERAL (
    SELECT array_agg(p.id ORDER BY p.no) AS ids, array_agg(DISTINCT p.path) AS paths,
           min(p.received_at) AS received_at,
           array_agg(p.batt ORDER BY p.no DESC) FILTER (WHERE p.batt IS NOT NULL) AS batts
    FROM alert_press k JOIN press p ON p.no = k.press_no WHERE k.alert_id = a.id
) f
WHERE a.id = $1

-- name: void
-- The police were sent on a closed alert: what it was decided to be is none.
SELECT void_test($1, $2, $3, $4)

-- name: handed_over
-- The test of that press, of which the hand-over has found label, cards and person to match.
UPDATE phone_test t SET kind = 'handover'
WHERE t.assignment_id = $1 AND t.voided_at IS NULL AND t.alert_id = (
    SELECT k.alert_id FROM press p JOIN alert_press k ON k.press_no = p.no
    WHERE p.device = t.device_id AND p.id = $2)
RETURNING t.no

-- name: count
-- How many phones are in somebody's hands at $1, and of those how many were tested of late.
SELECT count(*)::int AS assigned,
       (count(*) FILTER (WHERE t.at > $1::timestamptz - interval '15 days'))::int AS within_15,
       (count(*) FILTER (WHERE t.at > $1::timestamptz - interval '21 days'))::int AS within_21,
       (count(*) FILTER (WHERE t.at IS NULL))::int AS never
FROM assignment s LEFT JOIN LATERAL (
    SELECT p.decided_at AS at FROM passed_test p
    WHERE p.device_id = s.device_id AND p.beneficiary_id = s.beneficiary_id
    ORDER BY p.decided_at DESC LIMIT 1
) t ON true
WHERE s.ended_at IS NULL
