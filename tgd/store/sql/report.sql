-- name: one
-- All that is kept of one alert, for its report; $2 is who reads it, $3 whose alerts it does not name.
SELECT a AS alert, b.label AS beneficiary, t.id AS tribunal_id, t.name AS tribunal, f.case_id AS follows_case,
       ARRAY(SELECT ROW(p.pressed_at, p.received_at, p.age_s, p.path, p.batt, p.doubts)
             FROM alert_press k JOIN press p ON p.no = k.press_no
             WHERE k.alert_id = a.id ORDER BY p.no LIMIT 1000) AS presses,
       ARRAY(SELECT ROW(d.id, r.address, d.room_id, r.name, d.lead, d.state, d.round, d.attempts, d.dispatched_at,
                        d.acknowledged_at, d.acknowledged_by, d.reference)
             FROM dispatch d LEFT JOIN room r ON r.id = d.room_id
             WHERE d.alert_id = a.id ORDER BY d.lead DESC, d.dispatched_at) AS dispatches,
       ARRAY(SELECT ROW(e.id, e.dispatch_id, e.purpose)
             FROM envelope e WHERE e.alert_id = a.id ORDER BY e.no) AS messages,
       ARRAY(SELECT ROW(c.room_id, c.about, c.red, c.raised_at, c.done_at, c.done_by)
             FROM task c WHERE c.alert_id = a.id ORDER BY c.raised_at) AS calls,
       ARRAY(SELECT n FROM note n WHERE n.alert_id = a.id ORDER BY n.no) AS notes,
       ARRAY(SELECT p FROM position p WHERE p.alert_id = a.id ORDER BY p.no) AS positions,
       ARRAY(SELECT j FROM journal j WHERE j.chain = a.id ORDER BY j.number LIMIT 5000) AS journal,
       ARRAY(SELECT c FROM recontact c WHERE c.alert_id = a.id ORDER BY c.due_at) AS recontacts,
       coalesce(h.hold, false) AS held, h.reference AS held_for, h.eight_days_by,
       EXISTS (SELECT FROM journal j WHERE j.chain = a.id AND j.actor = $2   -- to look is no act
                 AND j.kind NOT IN ('file_read', 'report_read')) AS acted
FROM alert a
LEFT JOIN alert f ON f.id = a.follows
    AND ((SELECT x.beneficiary_id FROM assignment x WHERE x.id = f.assignment_id) = ANY ($3::uuid[])) IS NOT TRUE
LEFT JOIN device d ON d.id = a.device
LEFT JOIN assignment s ON s.id = a.assignment_id
LEFT JOIN tribunal t ON t.id = coalesce(s.tribunal_id, d.lent_to, d.tribunal_id)
LEFT JOIN beneficiary b ON b.id = s.beneficiary_id
LEFT JOIN retention h ON h.alert_id = a.id
WHERE a.id = $1

-- name: was_read
-- Who has looked is on the record: once in ten minutes for each form of the report.
INSERT INTO journal (at, actor, alert_id, kind, details)
SELECT $2::timestamptz, $3, $1, 'report_read', jsonb_build_object('form', $4::text, 'role', $5::text)
WHERE NOT EXISTS (
    SELECT FROM journal j WHERE j.chain = $1 AND j.kind = 'report_read' AND j.actor = $3
      AND j.details ->> 'form' = $4 AND j.at > $2::timestamptz - interval '10 minutes')
