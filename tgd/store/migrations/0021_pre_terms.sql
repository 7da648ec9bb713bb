-- Erasure by term, of everything: see tgd/platform/terms.toml. What the server may not delete, the role
-- that redacts the journal may, and nobody else.

-- What the prosecutor holds for a criminal case, and whose it is.
CREATE VIEW held_alert AS
SELECT r.alert_id, a.assignment_id, s.beneficiary_id
FROM retention r JOIN alert a ON a.id = r.alert_id LEFT JOIN assignment s ON s.id = a.assignment_id
WHERE r.hold;
GRANT SELECT ON held_alert TO tgd_app, tgd_redactor;

-- Persons of whom nothing is expected any more: no phone out, no request open, no release to be looked
-- at. Since when, and by what: her last phone came back, or her last request was decided.
CREATE VIEW person_term AS
SELECT b.id,
       CASE WHEN back.at >= coalesce(said.at, back.at) THEN 'returned' ELSE 'decided' END AS begins,
       coalesce(greatest(back.at, said.at), b.created_at) AS since,
       EXISTS (SELECT FROM held_alert h WHERE h.beneficiary_id = b.id) AS held
FROM beneficiary b
LEFT JOIN LATERAL (SELECT max(s.returned_at) AS at FROM assignment s WHERE s.beneficiary_id = b.id) AS back ON true
LEFT JOIN LATERAL (SELECT max(q.decided_at) AS at FROM request q
                   WHERE q.beneficiary_id = b.id AND q.status IN ('refused', 'withdrawn')) AS said ON true
WHERE NOT EXISTS (SELECT FROM assignment s WHERE s.beneficiary_id = b.id AND s.returned_at IS NULL)
  AND NOT EXISTS (SELECT FROM request q WHERE q.beneficiary_id = b.id AND q.status IN ('open', 'waiting'))
  AND NOT EXISTS (SELECT FROM release e WHERE e.beneficiary_id = b.id AND e.evaluated_at IS NULL);
GRANT SELECT ON person_term TO tgd_app, tgd_redactor;

GRANT SELECT, DELETE ON person_file, known_place, phone_test, release, entrusted, clearance, convention,
    linked_person, conflict, recontact, alert_press, press, dispatch, envelope, task, deadline, note,
    position, retention, alert, consent, assignment, request, beneficiary, phone_credential, downlink,
    quarantine, account, token, presence, web_session, login_delay TO tgd_redactor;
GRANT SELECT ON device, tribunal TO tgd_redactor;
GRANT UPDATE (label, all_clear_word, key) ON beneficiary TO tgd_redactor;
GRANT UPDATE (content, key, replaces) ON assignment TO tgd_redactor;
GRANT UPDATE (sim, key) ON device TO tgd_redactor;
GRANT UPDATE (follows) ON alert TO tgd_redactor;
