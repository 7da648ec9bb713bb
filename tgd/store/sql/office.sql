-- name: handing
-- How far the hand-over test of assignment $1 is: its latest press since the phone was handed over;
-- $2 a tribunal or all. The positions of a test go when it is closed: what it has proved stays.
SELECT a.device_id, coalesce(a.handed_over_at, a.starts_at) AS since, a.tested_at,
       (SELECT c.given FROM consent c WHERE c.assignment_id = a.id AND c.kind = 'location'
        ORDER BY c.no DESC LIMIT 1) AS agreed,
       l.id AS alert_id, l.pressed_at, l.opened_at, l.answered_at, l.holder_heard_at, l.verdict, l.verdict_at,
       t.located, EXISTS (SELECT FROM position p WHERE p.alert_id = l.id) AS positioned
FROM assignment a
LEFT JOIN LATERAL (
    SELECT o.* FROM alert o WHERE o.assignment_id = a.id AND o.pressed_at >= coalesce(a.handed_over_at, a.starts_at)
    ORDER BY o.opened_at DESC LIMIT 1) l ON true
LEFT JOIN phone_test t ON t.alert_id = l.id AND t.voided_at IS NULL
WHERE a.id = $1 AND ($2::text IS NULL OR a.tribunal_id = $2)

-- name: neighbours
-- The other tribunals of the same court of appeal: phones are lent among them.
SELECT o.id, o.name FROM tribunal t JOIN tribunal o ON o.court = t.court AND o.id <> t.id
WHERE t.id = $1 ORDER BY o.name

-- name: steering
-- What the office did from $1 until before $2, for tribunal $3 or all; counts only, of nobody, and
-- not of the persons $4.
WITH mine AS (
    SELECT a.*, r.asked_at FROM assignment a LEFT JOIN request r ON r.id = a.request_id
    WHERE ($3::text IS NULL OR a.tribunal_id = $3) AND a.beneficiary_id <> ALL ($4::uuid[])
), asked AS (
    SELECT * FROM request WHERE ($3::text IS NULL OR tribunal_id = $3) AND beneficiary_id <> ALL ($4::uuid[])
), pressed AS (
    SELECT l.verdict FROM alert l JOIN mine a ON a.id = l.assignment_id
    WHERE l.opened_at >= $1 AND l.opened_at < $2 AND l.status = 'closed'
)
SELECT (SELECT sum(allocation)::int FROM tribunal WHERE $3::text IS NULL OR id = $3) AS allocation,
       (SELECT count(*)::int FROM mine WHERE starts_at < $2 AND (ended_at IS NULL OR ended_at >= $2)) AS held,
       (SELECT count(*)::int FROM asked WHERE asked_at >= $1 AND asked_at < $2) AS requests,
       (SELECT coalesce(jsonb_object_agg(status, n), '{}') FROM (
            SELECT status, count(*)::int AS n FROM asked WHERE asked_at >= $1 AND asked_at < $2 GROUP BY status
        ) s) AS requests_by_status,
       (SELECT coalesce(jsonb_object_agg(source, n), '{}') FROM (
            SELECT source, count(*)::int AS n FROM asked WHERE asked_at >= $1 AND asked_at < $2 GROUP BY source
        ) s) AS requests_by_source,
       (SELECT count(*)::int FROM mine WHERE starts_at >= $1 AND starts_at < $2) AS assignments,
       (SELECT coalesce(jsonb_object_agg(basis, n), '{}') FROM (
            SELECT coalesce(legal_basis, 'unsaid') AS basis, count(*)::int AS n
            FROM mine WHERE starts_at >= $1 AND starts_at < $2 GROUP BY 1) b) AS assignments_by_basis,
       (SELECT count(*)::int FROM journal j JOIN mine a ON a.id = j.assignment_id
        WHERE j.kind = 'renewed' AND j.at >= $1 AND j.at < $2) AS renewals,
       (SELECT count(*)::int FROM mine WHERE ended_at >= $1 AND ended_at < $2) AS ends,
       (SELECT coalesce(jsonb_object_agg(reason, n), '{}') FROM (
            SELECT coalesce(end_reason, 'other') AS reason, count(*)::int AS n
            FROM mine WHERE ended_at >= $1 AND ended_at < $2 GROUP BY 1) e) AS ends_by_reason,
       (SELECT count(*)::int FROM pressed) AS alerts,
       (SELECT coalesce(jsonb_object_agg(verdict, n), '{}') FROM (
            SELECT coalesce(verdict, 'unsaid') AS verdict, count(*)::int AS n FROM pressed GROUP BY 1
        ) v) AS alerts_by_verdict,
       (SELECT count(*)::int FROM mine WHERE starts_at >= $1 AND starts_at < $2 AND asked_at IS NOT NULL) AS waits,
       (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM starts_at - asked_at) / 86400)
        FROM mine WHERE starts_at >= $1 AND starts_at < $2 AND asked_at IS NOT NULL) AS wait_days,
       (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM ended_at - starts_at) / 86400)
        FROM mine WHERE ended_at >= $1 AND ended_at < $2) AS held_days
