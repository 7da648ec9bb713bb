-- Rooms are told what is known of her: notes that were written for them, her file, her places.
ALTER TABLE note ADD COLUMN for_rooms boolean NOT NULL DEFAULT false;

ALTER TABLE envelope
    DROP CONSTRAINT envelope_purpose_check,
    ADD CONSTRAINT envelope_purpose_check
        CHECK (purpose IN ('report', 'press', 'verdict', 'contact', 'position', 'fact', 'cancel'));

CREATE FUNCTION known_of_alerts(p_alerts uuid[])
RETURNS TABLE (alert_id uuid, beneficiary_id uuid, sim bytea, sim_key bytea, file bytea, file_key bytea,
               places known_place[], places_key bytea, notes note[], positions "position"[], presses jsonb)
LANGUAGE sql STABLE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
    SELECT a.id, s.beneficiary_id, v.sim, v.key, f.content, f.key,
           ARRAY(SELECT p FROM known_place p WHERE p.beneficiary_id = s.beneficiary_id LIMIT 20), b.key,
           ARRAY(SELECT n FROM note n
                 WHERE n.alert_id = a.id AND n.for_rooms AND n.text IS NOT NULL ORDER BY n.no DESC LIMIT 20),
           -- The newest say where she is; those of presses, and those that came before the case, where she was.
           ARRAY(SELECT q FROM (
               (SELECT q FROM "position" q WHERE q.alert_id = a.id ORDER BY q.no DESC LIMIT 12)
               UNION
               (SELECT q FROM "position" q
                WHERE q.alert_id = a.id AND (q.press_no IS NOT NULL OR q.received_at <= a.police_at)
                ORDER BY q.no DESC LIMIT 24)) AS x (q) ORDER BY (q).no DESC),
           (SELECT coalesce(jsonb_agg(jsonb_build_object(
                       'no', w.no, 'id', w.id, 'pressed_at', w.pressed_at, 'received_at', w.received_at,
                       'doubts', w.doubts) ORDER BY w.no), '[]')
            -- The first and the latest. "+ 0": by the alert's own index, not along that of all presses.
            FROM (SELECT p.no, p.id, p.pressed_at, p.received_at, p.doubts
                  FROM ((SELECT k.press_no FROM alert_press k WHERE k.alert_id = a.id
                         ORDER BY k.press_no + 0 LIMIT 1)
                        UNION
                        (SELECT k.press_no FROM alert_press k WHERE k.alert_id = a.id
                         ORDER BY k.press_no + 0 DESC LIMIT 10)) AS k
                  JOIN press p ON p.no = k.press_no) AS w)
    FROM alert a
    LEFT JOIN device v ON v.id = a.device
    LEFT JOIN assignment s ON s.id = a.assignment_id
    LEFT JOIN beneficiary b ON b.id = s.beneficiary_id
    LEFT JOIN person_file f ON f.beneficiary_id = s.beneficiary_id
    WHERE a.id = ANY (p_alerts)
$$;
