-- name: hold
-- Lock these alerts and read all that belongs to them.
SELECT * FROM hold_alerts($1::uuid[])

-- name: save
-- Write the changes to held alerts.
SELECT save_alerts($1::jsonb)

-- name: standing
-- Whose alert it is and how it stands.
SELECT device, status FROM alert WHERE id = $1

-- name: open_for
-- The open alert of a phone; at most one exists.
SELECT id FROM alert WHERE device = $1 AND status <> 'closed'

-- name: open_follow_up
-- An alert that an operator opens by sending the police on one that is closed; none where the
-- phone has an open one, which a press or another operator may be opening at this moment.
WITH opened AS (
INSERT INTO alert (case_id, device, reply_to, known, assignment_id, consent, located, listen, plan, key,
                   follows, opened_at, forget_at, first_tst, pressed_at, last_press_id, last_press_at, presses)
SELECT next_case_id($2::timestamptz), a.device, reply_to, known, a.assignment_id,
       coalesce(h.consent, a.consent), coalesce(h.consent, a.consent) <> 'refused', a.listen, $4::jsonb, $3,
       a.id, $2::timestamptz,
       -- What is still kept of where the phone was comes along, with its age and its term.
       least($2::timestamptz, (SELECT min(p.received_at) FROM position p WHERE p.alert_id = $1))
           + interval '3 days',
       first_tst, pressed_at, last_press_id, last_press_at, 0
FROM alert a
-- It opens now, with the consent of now; an assignment that is over keeps its last.
LEFT JOIN holder h ON h.device = a.device AND h.assignment_id = a.assignment_id
WHERE a.id = $1
ON CONFLICT (device) WHERE status <> 'closed' DO NOTHING
RETURNING id
), timed AS (
    INSERT INTO deadline (alert_id, name, due_at)
    SELECT o.id, 'contact', $2::timestamptz + ($4::jsonb ->> 'contact')::float8 * interval '1 second' FROM opened o
)
SELECT id FROM opened

-- name: positions
-- All that is kept of an alert's positions.
SELECT no, fix, key, fixed_at, received_at, doubts FROM position WHERE alert_id = $1 ORDER BY no

-- name: bring_positions
-- Positions of an earlier alert, sealed anew for the one that follows it.
INSERT INTO position (alert_id, press_no, fix, key, fixed_at, received_at, doubts)
SELECT a.id, p.press_no, m.fix, $2, p.fixed_at, p.received_at, p.doubts
FROM unnest($3::bigint[], $4::bytea[]) AS m (no, fix)
JOIN position p ON p.no = m.no JOIN alert a ON a.id = $1 AND a.located
ORDER BY p.no

-- name: withdraw_consent
-- She is not to be located any more: the latest consent speaks.
INSERT INTO consent (assignment_id, kind, given, at, recorded_by)
SELECT a.assignment_id, 'location', false, $3::timestamptz, $2
FROM alert a
WHERE a.id = $1 AND a.assignment_id IS NOT NULL AND coalesce((
    SELECT c.given FROM consent c WHERE c.assignment_id = a.assignment_id AND c.kind = 'location'
    ORDER BY c.no DESC LIMIT 1), false)

-- name: listen
-- The line to the phone as an operator has made it; a later press undoes it.
UPDATE alert SET line = $2, line_at = $3::timestamptz WHERE id = $1

-- name: key_of
-- The wrapped data key under which an alert's messages and notes are sealed.
SELECT key FROM alert WHERE id = $1

-- name: agreed_word
-- The sealed all-clear word of the holder with whom the alert opened, and what opens it.
SELECT b.all_clear_word, b.word_key
FROM alert a JOIN assignment s ON s.id = a.assignment_id JOIN beneficiary b ON b.id = s.beneficiary_id
WHERE a.id = $1

-- name: add_note
-- Keep a sealed note.
INSERT INTO note (alert_id, at, author, text, for_rooms) VALUES ($1, $2, $3, $4, $5)

-- name: notes
-- An alert's notes, sealed, oldest first.
SELECT at, author, text FROM note WHERE alert_id = $1 ORDER BY no

-- name: page
-- Alerts newest first with all that the console shows; $1 open only, $2 and $3 the cursor, $5 only
-- these, $6 whose not. Whatever it reads, marks must see change.
SELECT a AS alert, b.label AS beneficiary, v.sim, v.key AS sim_key, s.beneficiary_id AS person,
       (SELECT x.beneficiary_id FROM alert q JOIN assignment x ON x.id = q.assignment_id WHERE q.id = a.follows)
           AS follows_person,
       -- A gesture made before the present hand-over may be the former holder's.
       CASE WHEN s.handed_over_at > (SELECT min(p.pressed_at) FROM alert_press k JOIN press p ON p.no = k.press_no
                                     WHERE k.alert_id = a.id)
            THEN (SELECT ROW(f.label, f.id) FROM assignment e JOIN beneficiary f ON f.id = e.beneficiary_id
                  WHERE e.device_id = s.device_id AND e.starts_at < s.starts_at ORDER BY e.starts_at DESC LIMIT 1)
       END AS former,
       ARRAY(SELECT d FROM deadline d WHERE d.alert_id = a.id ORDER BY d.due_at) AS deadlines,
       ARRAY(SELECT d FROM dispatch d WHERE d.alert_id = a.id ORDER BY d.lead DESC, d.dispatched_at) AS dispatches,
       ARRAY(SELECT d.id FROM dispatch d JOIN room_line l ON l.room_id = d.room_id AND l.line = d.line
             WHERE d.alert_id = a.id AND l.live_since IS NOT NULL) AS live,
       ARRAY(SELECT t FROM task t WHERE t.alert_id = a.id AND t.done_at IS NULL ORDER BY t.red DESC, t.raised_at) AS tasks,
       ARRAY(SELECT ROW(p.id, p.pressed_at, p.received_at, p.age_s, p.path, p.doubts, p.batt)
             FROM alert_press k JOIN press p ON p.no = k.press_no
             WHERE k.alert_id = a.id ORDER BY p.no DESC LIMIT 100) AS presses,
       ARRAY(SELECT ROW(o.id, l.other) FROM linked_person l JOIN assignment t ON t.beneficiary_id = l.other
             JOIN alert o ON o.assignment_id = t.id AND o.status <> 'closed'
             WHERE l.one = s.beneficiary_id ORDER BY o.opened_at) AS linked,
       ARRAY(SELECT p FROM position p WHERE p.alert_id = a.id ORDER BY p.no DESC LIMIT 12) AS positions,
       (SELECT ROW(t.decided_at, t.decided_by, t.kind, t.paths, t.located, t.radius, t.batt) FROM passed_test t
        WHERE t.device_id = a.device AND t.beneficiary_id = s.beneficiary_id
        ORDER BY t.decided_at DESC LIMIT 1) AS last_test,
       (SELECT ROW(n.at, n.author) FROM note n WHERE n.alert_id = a.id ORDER BY n.no DESC LIMIT 1) AS last_note
FROM alert a
LEFT JOIN assignment s ON s.id = a.assignment_id
LEFT JOIN beneficiary b ON b.id = s.beneficiary_id
LEFT JOIN device v ON v.id = a.device
WHERE ($1::boolean IS NULL OR (a.status <> 'closed') = $1)
  AND (s.beneficiary_id = ANY ($6::uuid[])) IS NOT TRUE
  AND ($2::timestamptz IS NULL OR (a.opened_at, a.id) < ($2, $3::uuid))
  AND ($5::uuid[] IS NULL OR a.id = ANY ($5))
ORDER BY a.opened_at DESC, a.id DESC
LIMIT $4

-- name: bare
-- The same alerts as page returns for the same values, each with no more than it takes to show that
-- it is there: of the rows around it only whose it is.
SELECT a.id, a.case_id, a.device, a.known, a.consent, a.located, a.listen, a.rescued, a.status, a.opened_at, a.rings,
       a.last_press_id, a.last_press_at, a.answered_at, a.answered_by, a.offered_to, a.released_at, a.voice,
       a.holder_heard_at, a.extended, a.verdict, a.verdict_by, a.verdict_at, a.reason, a.police_at,
       a.contact_lost_at, a.closed_at, a.closed_by, s.beneficiary_id AS person
FROM alert a LEFT JOIN assignment s ON s.id = a.assignment_id
WHERE ($1::boolean IS NULL OR (a.status <> 'closed') = $1)
  AND (s.beneficiary_id = ANY ($6::uuid[])) IS NOT TRUE
  AND ($2::timestamptz IS NULL OR (a.opened_at, a.id) < ($2, $3::uuid))
  AND ($5::uuid[] IS NULL OR a.id = ANY ($5))
ORDER BY a.opened_at DESC, a.id DESC
LIMIT $4

-- name: marks
-- Every open alert with what changes whenever a row changes that page would read: a row's xmin is
-- another after each update. Presses write their alert, positions are only added or all taken away.
-- $1: of these only.
SELECT a.id, concat_ws(' ', a.xmin, b.xmin, v.xmin,
       (SELECT max(p.no) FROM position p WHERE p.alert_id = a.id),
       '/', (SELECT max(n.no) FROM note n WHERE n.alert_id = a.id),
       (SELECT string_agg(d.xmin::text, ',') FROM deadline d WHERE d.alert_id = a.id),
       '/', (SELECT string_agg(d.xmin::text || (l.live_since IS NOT NULL)::text, ',')
             FROM dispatch d LEFT JOIN room_line l ON l.room_id = d.room_id AND l.line = d.line
             WHERE d.alert_id = a.id),
       '/', (SELECT string_agg(t.xmin::text, ',') FROM task t WHERE t.alert_id = a.id AND t.done_at IS NULL),
       '/', (SELECT string_agg(o.id::text, ',') FROM linked_person l JOIN assignment t ON t.beneficiary_id = l.other
             JOIN alert o ON o.assignment_id = t.id AND o.status <> 'closed'
             WHERE l.one = s.beneficiary_id),
       '/', (SELECT t.no FROM passed_test t
             WHERE t.device_id = a.device AND t.beneficiary_id IS NOT DISTINCT FROM s.beneficiary_id
             ORDER BY t.decided_at DESC LIMIT 1)) AS mark
FROM alert a
LEFT JOIN assignment s ON s.id = a.assignment_id
LEFT JOIN beneficiary b ON b.id = s.beneficiary_id
LEFT JOIN device v ON v.id = a.device
WHERE a.status <> 'closed' AND ($1::uuid[] IS NULL OR a.id = ANY ($1))

-- name: standing_open
-- Every open alert.
SELECT id FROM alert WHERE status <> 'closed'

-- name: one
-- One alert with all that the console shows.
SELECT a AS alert, b.label AS beneficiary, v.sim, v.key AS sim_key, s.beneficiary_id AS person,
       (SELECT x.beneficiary_id FROM alert q JOIN assignment x ON x.id = q.assignment_id WHERE q.id = a.follows)
           AS follows_person,
       -- A gesture made before the present hand-over may be the former holder's.
       CASE WHEN s.handed_over_at > (SELECT min(p.pressed_at) FROM alert_press k JOIN press p ON p.no = k.press_no
                                     WHERE k.alert_id = a.id)
            THEN (SELECT ROW(f.label, f.id) FROM assignment e JOIN beneficiary f ON f.id = e.beneficiary_id
                  WHERE e.device_id = s.device_id AND e.starts_at < s.starts_at ORDER BY e.starts_at DESC LIMIT 1)
       END AS former,
       ARRAY(SELECT d FROM deadline d WHERE d.alert_id = a.id ORDER BY d.due_at) AS deadlines,
       ARRAY(SELECT d FROM dispatch d WHERE d.alert_id = a.id ORDER BY d.lead DESC, d.dispatched_at) AS dispatches,
       ARRAY(SELECT d.id FROM dispatch d JOIN room_line l ON l.room_id = d.room_id AND l.line = d.line
             WHERE d.alert_id = a.id AND l.live_since IS NOT NULL) AS live,
       ARRAY(SELECT t FROM task t WHERE t.alert_id = a.id AND t.done_at IS NULL ORDER BY t.red DESC, t.raised_at) AS tasks,
       ARRAY(SELECT ROW(p.id, p.pressed_at, p.received_at, p.age_s, p.path, p.doubts, p.batt)
             FROM alert_press k JOIN press p ON p.no = k.press_no
             WHERE k.alert_id = a.id ORDER BY p.no DESC LIMIT 100) AS presses,
       ARRAY(SELECT ROW(o.id, l.other) FROM linked_person l JOIN assignment t ON t.beneficiary_id = l.other
             JOIN alert o ON o.assignment_id = t.id AND o.status <> 'closed'
             WHERE l.one = s.beneficiary_id ORDER BY o.opened_at) AS linked,
       ARRAY(SELECT p FROM position p WHERE p.alert_id = a.id ORDER BY p.no DESC LIMIT 12) AS positions,
       (SELECT ROW(t.decided_at, t.decided_by, t.kind, t.paths, t.located, t.radius, t.batt) FROM passed_test t
        WHERE t.device_id = a.device AND t.beneficiary_id = s.beneficiary_id
        ORDER BY t.decided_at DESC LIMIT 1) AS last_test,
       (SELECT ROW(n.at, n.author) FROM note n WHERE n.alert_id = a.id ORDER BY n.no DESC LIMIT 1) AS last_note
FROM alert a
LEFT JOIN assignment s ON s.id = a.assignment_id
LEFT JOIN beneficiary b ON b.id = s.beneficiary_id
LEFT JOIN device v ON v.id = a.device
WHERE a.id = $1

-- name: of_envelope
-- What one of our messages was about and where it went.
SELECT e.alert_id, d.room_id FROM envelope e JOIN dispatch d ON d.id = e.dispatch_id WHERE e.id = $1

-- name: of_case
-- The alert with a case number, for a room that was told of it: others' numbers are as none.
SELECT a.id FROM alert a
WHERE a.case_id = $1 AND EXISTS (SELECT FROM dispatch d WHERE d.alert_id = a.id AND d.room_id = $2)

-- name: open_by_status
-- How many alerts are open, by status.
SELECT status, count(*)::int AS n FROM alert WHERE status <> 'closed' GROUP BY status

-- name: done
-- Where an act has been done under this key: on the alert, or on one that was opened for it.
SELECT j.alert_id FROM journal j
WHERE j.chain IN (SELECT unnest($1::uuid[]) UNION ALL SELECT id FROM alert WHERE follows = ANY($1))
  AND j.details ->> 'act' = $2
LIMIT 1

-- name: journal
-- What happened to an alert, oldest first.
SELECT no, number, at, actor, kind, details, hash FROM journal WHERE chain = $1 ORDER BY number
