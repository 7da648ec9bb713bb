-- name: figures
-- Of the alerts opened from the day $1 to the day $2 (in Paris): each leg's percentiles by $3 (day or
-- week) and as a whole, how many alerts by verdict and reason, and how many phones were tested of late;
-- $4 a tribunal, or all, $5 now, $6 persons who do not count. A verdict may change and an acknowledgement be voided: each leg is
-- measured to its first end. A room may answer before its line has taken the message: that is no time.
WITH bounds AS (
    SELECT $1::date::timestamp AT TIME ZONE 'Europe/Paris' AS since,
           ($2::date + 1)::timestamp AT TIME ZONE 'Europe/Paris' AS until
), own AS MATERIALIZED (
    SELECT a.opened_at, a.pressed_at, a.answered_at, a.police_at, a.status, a.verdict, a.reason,
           a.verdict IS NOT DISTINCT FROM 'test' AS test, coalesce(a.police_at, a.verdict_at) AS decided_at,
           date_trunc($3, a.opened_at AT TIME ZONE 'Europe/Paris')::date AS begins,
           f.received_at, w.sent_at, w.acknowledged_at
    FROM bounds CROSS JOIN alert a
    LEFT JOIN device d ON d.id = a.device
    LEFT JOIN assignment s ON s.id = a.assignment_id
    LEFT JOIN LATERAL (
        SELECT min(p.received_at) AS received_at
        FROM alert_press k JOIN press p ON p.no = k.press_no WHERE k.alert_id = a.id
    ) f ON true
    LEFT JOIN LATERAL (
        SELECT min(j.at) FILTER (WHERE j.kind = 'sent' AND j.details ->> 'purpose' IN ('report', 'press')) AS sent_at,
               min(j.at) FILTER (WHERE j.kind = 'acknowledged') AS acknowledged_at
        FROM journal j WHERE j.chain = a.id AND a.police_at IS NOT NULL
    ) w ON true
    WHERE a.opened_at >= bounds.since AND a.opened_at < bounds.until
      AND ($4::text IS NULL OR coalesce(s.tribunal_id, d.lent_to, d.tribunal_id) = $4)
      AND (s.beneficiary_id = ANY ($6::uuid[])) IS NOT TRUE
), measured AS (
    SELECT o.test, o.begins, l.leg, extract(epoch FROM l.took)::float8 AS took
    FROM own o, LATERAL (VALUES
        ('press_to_alert', o.opened_at - o.received_at),
        ('alert_to_answer', o.answered_at - o.opened_at),
        ('answer_to_decision', o.decided_at - o.answered_at),
        ('decision_to_sent', o.sent_at - o.police_at),
        ('sent_to_acknowledged', CASE WHEN o.sent_at IS NOT NULL
                                 THEN o.acknowledged_at - least(o.sent_at, o.acknowledged_at) END),
        ('press_to_acknowledged', o.acknowledged_at - o.pressed_at)
    ) AS l (leg, took)
    -- Forwarded before anybody answered: there was no such leg.
    WHERE l.took >= interval '0'
), percentiles AS (
    SELECT leg, test, begins, grouping(begins) = 1 AS whole, count(*)::int AS n,
           percentile_cont(ARRAY[0.5, 0.9, 0.99]) WITHIN GROUP (ORDER BY took) AS p
    FROM measured GROUP BY GROUPING SETS ((leg, test, begins), (leg, test))
), counted AS (
    SELECT begins, test, status <> 'closed' AS open, verdict, reason, count(*)::int AS n
    FROM own GROUP BY 1, 2, 3, 4, 5
), held AS (   -- as it stood at the end of the period, or now
    SELECT s.device_id, t.decided_at AS tested_at, t.word,
           least(bounds.until, $5::timestamptz) AS until
    FROM bounds CROSS JOIN assignment s
    LEFT JOIN LATERAL (
        SELECT p.decided_at, p.word FROM passed_test p
        WHERE p.device_id = s.device_id AND p.beneficiary_id = s.beneficiary_id AND p.decided_at < bounds.until
        ORDER BY p.decided_at DESC LIMIT 1
    ) t ON true
    WHERE s.ended_at IS NULL AND ($4::text IS NULL OR s.tribunal_id = $4) AND s.beneficiary_id <> ALL ($6::uuid[])
)
SELECT coalesce((SELECT jsonb_agg(to_jsonb(q) ORDER BY q.begins) FROM percentiles q), '[]') AS percentiles,
       coalesce((SELECT jsonb_agg(to_jsonb(c) ORDER BY c.begins) FROM counted c), '[]') AS counts,
       (SELECT jsonb_build_object(
            'assigned', count(*),
            'within_15', count(*) FILTER (WHERE tested_at > until - interval '15 days'),
            'within_21', count(*) FILTER (WHERE tested_at > until - interval '21 days'),
            'never', count(*) FILTER (WHERE tested_at IS NULL),
            'rehearsed', count(*) FILTER (WHERE word = 'given')) FROM held) AS phones,
       -- Those of which a test is owed or soon will be; by their ids, not by whose they are.
       coalesce((SELECT jsonb_agg(jsonb_build_object('device', w.device_id, 'days', w.days) ORDER BY w.n)
                 FROM (SELECT device_id, extract(day FROM until - tested_at)::int AS days,
                              row_number() OVER (ORDER BY tested_at NULLS FIRST, device_id) AS n FROM held) AS w
                 WHERE w.n <= 100), '[]') AS worst
