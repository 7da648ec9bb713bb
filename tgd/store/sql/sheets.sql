-- name: hold
-- Whoever touches the rows of an alert locks the alert first.
SELECT a.id FROM alert a JOIN dispatch d ON d.alert_id = a.id WHERE d.id = $1 FOR UPDATE OF a

-- name: told
-- What a room is told of its case as of now; the columns are those of claim_envelopes, and the
-- names of its rooms. Why it is told
-- says its latest message that is not of use for the moment only.
SELECT a AS held, d AS told, r AS room, b.label AS beneficiary, d.id AS envelope_id,
       coalesce((SELECT e.purpose FROM envelope e
                 WHERE e.dispatch_id = d.id AND e.purpose NOT IN ('contact', 'position')
                 ORDER BY e.no DESC LIMIT 1), 'report') AS purpose,
       $2::timestamptz + interval '1 hour' AS expires_at,
       ARRAY(SELECT o.address FROM dispatch x JOIN room o ON o.id = x.room_id
             WHERE x.alert_id = a.id AND (x.withdrawn_at IS NULL OR x.id = d.id)
             ORDER BY x.lead DESC, x.dispatched_at) AS rooms_told,
       ARRAY(SELECT ROW(o.address, o.name) FROM dispatch x JOIN room o ON o.id = x.room_id
             WHERE x.alert_id = a.id) AS named,
       p.pressed_at AS latest_press,
       ARRAY(SELECT DISTINCT unnest(q.doubts) FROM alert_press k JOIN press q ON q.no = k.press_no
             WHERE k.alert_id = a.id) AS doubts
FROM dispatch d
JOIN alert a ON a.id = d.alert_id
JOIN room r ON r.id = d.room_id
LEFT JOIN assignment s ON s.id = a.assignment_id
LEFT JOIN beneficiary b ON b.id = s.beneficiary_id
LEFT JOIN press p ON p.device = a.device AND p.id = a.last_press_id
WHERE d.id = $1

-- name: opened
-- Somebody has opened a room's sheet: which form, never from where.
WITH seen AS (
    UPDATE dispatch SET sheet_opened_at = $2 WHERE id = $1 RETURNING id, alert_id, room_id
), said AS (
    INSERT INTO journal (at, actor, alert_id, kind, details)
    SELECT $2, 'sheet', alert_id, 'sheet_opened',
           jsonb_build_object('room', room_id, 'dispatch', id, 'form', $3::text)
    FROM seen
)
SELECT pg_notify('tgd', 'alert') FROM seen

-- name: revoke
-- The address of a room's sheet opens nothing any more.
WITH dead AS (
    UPDATE dispatch SET sheet_revoked_at = $3
    WHERE id = $1 AND alert_id = $2 AND room_id IS NOT NULL AND sheet_revoked_at IS NULL
    RETURNING id, alert_id, room_id
), said AS (
    INSERT INTO journal (at, actor, alert_id, kind, details)
    SELECT $3, $4, alert_id, 'sheet_revoked', jsonb_build_object('room', room_id, 'dispatch', id) FROM dead
)
SELECT pg_notify('tgd', 'alert') FROM dead
