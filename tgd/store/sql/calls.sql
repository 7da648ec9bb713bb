-- name: told
-- Every dispatch to a room of an alert that the police have, with what its urgency is reckoned from: its
-- calls still to be made, and the holder's file, sealed.
SELECT a.id, a.case_id, a.device, b.label AS beneficiary, b.id AS person, a.verdict, a.reason, a.voice,
       a.pressed_at, a.holder_heard_at, d.dispatched_at, d.room_id, r.name, r.phone, f.content, f.key,
       t.red, coalesce(t.n, 0) > 0 AS waits
FROM alert a
JOIN dispatch d ON d.alert_id = a.id AND d.withdrawn_at IS NULL
JOIN room r ON r.id = d.room_id
LEFT JOIN assignment s ON s.id = a.assignment_id
LEFT JOIN beneficiary b ON b.id = s.beneficiary_id
LEFT JOIN person_file f ON f.beneficiary_id = b.id
LEFT JOIN LATERAL (
    SELECT count(*) AS n, bool_or(x.red) AS red FROM task x
    WHERE x.dispatch_id = d.id AND x.done_at IS NULL AND x.about IN ('dispatch', 'further_press', 'refused')) AS t ON true
WHERE a.status = 'police' AND (b.id = ANY ($1::uuid[])) IS NOT TRUE
ORDER BY d.room_id, d.dispatched_at
