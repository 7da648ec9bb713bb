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
-- Open alerts without a future step: no deadline at all, a dispatch that nobody has acknowledged
-- and nothing waits for, a deadline overdue by more than 5 s, a message that is not being tried.
SELECT a.id AS alert_id, 'no_deadline' AS finding
FROM alert a WHERE a.status <> 'closed' AND NOT EXISTS (
    SELECT FROM deadline d WHERE d.alert_id = a.id AND d.name NOT IN ('contact', 'further_press'))
UNION ALL
SELECT a.id, 'no_deadline' FROM alert a JOIN dispatch d ON d.alert_id = a.id
WHERE a.status = 'police' AND d.acknowledged_at IS NULL AND d.withdrawn_at IS NULL AND NOT EXISTS (
    SELECT FROM deadline w WHERE w.alert_id = a.id AND w.dispatch_id = d.id AND w.name = 'acknowledged')
UNION ALL
SELECT d.alert_id, 'overdue' FROM deadline d WHERE d.due_at < $1::timestamptz - interval '5 seconds'
UNION ALL
SELECT e.alert_id, 'stuck_message' FROM envelope e
WHERE e.state IN ('waiting', 'sending')
  AND greatest(e.next_at, e.lease_until) < $1::timestamptz - interval '30 seconds'
  -- One that waits its turn behind an earlier message to the same room, or behind its Report, is not
  -- stuck: that one is tried.
  AND NOT EXISTS (
      SELECT FROM envelope b WHERE b.dispatch_id = e.dispatch_id AND b.id <> e.id AND b.line = e.line
        AND b.state IN ('waiting', 'sending')
        AND (b.purpose <> 'report', b.no) < (e.purpose <> 'report', e.no))

-- name: mend
-- A deadline that is due now for alerts that have none, and for dispatches that nothing waits for.
INSERT INTO deadline (alert_id, dispatch_id, name, due_at)
SELECT d.alert_id, d.id, 'acknowledged', $2::timestamptz FROM dispatch d JOIN alert a ON a.id = d.alert_id
WHERE a.id = ANY ($1::uuid[]) AND a.status = 'police' AND d.acknowledged_at IS NULL AND d.withdrawn_at IS NULL
UNION ALL
SELECT a.id, NULL, CASE a.status WHEN 'ringing' THEN 'answer' WHEN 'answered' THEN 'doubt' ELSE 'closing' END, $2
FROM alert a WHERE a.id = ANY ($1::uuid[]) AND a.status <> 'closed'
  AND NOT EXISTS (SELECT FROM dispatch d WHERE d.alert_id = a.id AND d.acknowledged_at IS NULL AND d.withdrawn_at IS NULL)
ON CONFLICT DO NOTHING
