-- What was tested in the half year before the table of tests: as much as is still known of it. Apart
-- from the table, so that no press waits for it.

INSERT INTO phone_test (kind, alert_id, device_id, assignment_id, beneficiary_id, press_id, presses, paths, pressed_at,
                        received_at, answered_at, heard_at, decided_at, decided_by)
SELECT 'fortnightly', a.id, d.id, s.id, s.beneficiary_id, a.last_press_id, a.presses,
       ARRAY(SELECT DISTINCT p.path FROM alert_press k JOIN press p ON p.no = k.press_no
             WHERE k.alert_id = a.id ORDER BY 1),
       a.pressed_at, a.opened_at, a.answered_at, a.holder_heard_at, a.verdict_at, a.verdict_by
FROM alert a JOIN device d ON d.id = a.device LEFT JOIN assignment s ON s.id = a.assignment_id
WHERE a.opened_at > now() - interval '6 months' AND a.verdict = 'test' AND NOT a.coerced AND a.verdict_by IS NOT NULL
  AND a.answered_at IS NOT NULL AND a.holder_heard_at IS NOT NULL
  AND NOT EXISTS (SELECT FROM alert f WHERE f.follows = a.id AND f.presses = 0)
  AND NOT EXISTS (SELECT FROM phone_test t WHERE t.alert_id = a.id);
