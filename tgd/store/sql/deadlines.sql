-- name: due
-- Alerts with a passed deadline; one that somebody holds just now is left for the next look.
SELECT a.id AS alert_id
FROM alert a
WHERE a.id IN (SELECT d.alert_id FROM deadline d WHERE d.due_at <= $1 ORDER BY d.due_at LIMIT $2)
FOR UPDATE SKIP LOCKED

-- name: next_due
-- When the next deadline passes.
SELECT min(due_at) FROM deadline

-- name: grace
-- After an interruption of ours: overdue, not yet marked late; $2 now, $3 how much longer.
UPDATE deadline SET due_at = $2::timestamptz + $3::interval, late = true
WHERE name = ANY ($1::text[]) AND due_at < $2::timestamptz AND NOT late
RETURNING alert_id

-- name: audit
-- Open alerts without a future step: no deadline at all, or one overdue by more than 5 s; presses
-- without an alert; messages whose lease ran out long ago.
SELECT a.id AS alert_id, 'no_deadline' AS finding
FROM alert a WHERE a.status <> 'closed' AND NOT EXISTS (
    SELECT FROM deadline d WHERE d.alert_id = a.id AND d.name NOT IN ('contact', 'further_press'))
UNION ALL
SELECT d.alert_id, 'overdue' FROM deadline d WHERE d.due_at < $1::timestamptz - interval '5 seconds'
UNION ALL
SELECT e.alert_id, 'stuck_message' FROM envelope e
WHERE e.state IN ('waiting', 'sending')
  AND greatest(e.next_at, e.lease_until) < $1::timestamptz - interval '30 seconds'
  -- One that waits its turn behind an earlier message to the same room is not stuck: that one is tried.
  AND NOT EXISTS (
      SELECT FROM envelope b WHERE b.dispatch_id = e.dispatch_id AND b.no < e.no
        AND b.state IN ('waiting', 'sending') AND b.round = e.round)

-- name: mend
-- A deadline that is due now for alerts that have none.
INSERT INTO deadline (alert_id, dispatch_id, name, due_at)
SELECT a.id, NULL, CASE a.status WHEN 'ringing' THEN 'answer' WHEN 'answered' THEN 'doubt' ELSE 'closing' END, $2
FROM alert a WHERE a.id = ANY ($1::uuid[]) AND a.status <> 'closed'
ON CONFLICT DO NOTHING
