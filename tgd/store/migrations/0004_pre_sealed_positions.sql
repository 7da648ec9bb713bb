-- Positions as ciphertext, terms of erasure, and what follows a phone during its alert.
--
-- From here on no coordinate reaches the database in clear: a fix is sealed by the server, and what
-- opens it (`key`) is a reference into a key store outside the database (docs/adr/0008). So neither
-- a base backup nor a log archive can say where she was once the key is erased. The old columns stay
-- until no older version serves (0007).

ALTER TABLE position
    ADD COLUMN fix bytea,                   -- sealed under `key`
    ADD COLUMN key bytea,
    ALTER COLUMN lat DROP NOT NULL,
    ALTER COLUMN lon DROP NOT NULL,
    ALTER COLUMN confidence DROP NOT NULL;

ALTER TABLE alert
    -- When the next of its positions and sealed copies is due; null: nothing is left, or it is held.
    ADD COLUMN forget_at timestamptz DEFAULT now() + interval '3 days',
    -- Live positions end two hours after the last press, or, by an act on the record, then.
    ADD COLUMN followed_until timestamptz;
UPDATE alert SET forget_at = opened_at + interval '3 days';
CREATE INDEX alert_forget ON alert (forget_at) WHERE forget_at IS NOT NULL;

-- Arrêté du 22 avril 2015: positions are erased 3 days after their recording, up to 8 on the
-- prosecutor's authorisation, unless they are kept for a criminal case.
CREATE TABLE retention (
    alert_id       uuid PRIMARY KEY REFERENCES alert,
    asked_at       timestamptz,             -- "hold?", at the closing
    asked_again_at timestamptz,             -- and 24 hours before the erasure
    answered_at    timestamptz,
    answered_by    text,
    hold           boolean,
    reference      text,                    -- the criminal case's
    eight_days_at  timestamptz,
    eight_days_by  text,                    -- the magistrate who authorised it
    CHECK ((answered_at IS NULL) = (answered_by IS NULL) AND (answered_at IS NULL) = (hold IS NULL)),
    CHECK (hold IS NOT TRUE OR reference IS NOT NULL),
    CHECK ((eight_days_at IS NULL) = (eight_days_by IS NULL))
);
CREATE INDEX retention_unanswered ON retention (asked_at) WHERE answered_at IS NULL;
GRANT SELECT, INSERT, UPDATE ON retention TO tgd_app;

-- References to keys that nothing needs any more, until the key store has erased them: a crash in
-- between must not leave one behind that an old backup could still be opened with.
CREATE TABLE dead_key (
    key     bytea PRIMARY KEY,
    dead_at timestamptz NOT NULL
);
GRANT SELECT, INSERT, DELETE ON dead_key TO tgd_app;

-- A position Update is of use for five minutes, and nothing waits for it.
ALTER TABLE envelope
    DROP CONSTRAINT envelope_purpose_check,
    ADD CONSTRAINT envelope_purpose_check
        CHECK (purpose IN ('report', 'press', 'verdict', 'contact', 'position'));

CREATE FUNCTION open_alerts(
    p_now timestamptz, p_group_from int,
    p_no bigint[], p_at int[], p_holder holder[], p_plan text[],
    p_fix bytea[], p_fixed_at timestamptz[], p_fix_doubts text[]
) RETURNS uuid[] LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    r         record;
    v_alert   record;
    v_device  text;
    v_number  text;
    v_day     text := to_char(p_now AT TIME ZONE 'Europe/Paris', 'YYYYMMDD-');
    v_opens   boolean;
    v_new     uuid[] := '{}';
    v_plans   jsonb[] := '{}';
    v_joined  uuid[] := '{}';
    v_located boolean[] := '{}';
    v_alerts  uuid[] := '{}';
BEGIN
    FOR r IN
        SELECT p.no, p.device, p.reply_to, p.id, p.tst, p.pressed_at, p.received_at, p.raw_key,
               f.h_device IS NOT NULL AS known, f.assignment_id, coalesce(f.consent, 'unknown') AS consent,
               coalesce(f.listen, 'mic_only') AS listen, p_plan[f.at] AS plan
        FROM unnest(p_no, p_at, p_holder)
             AS f (no, at, h_device, assignment_id, beneficiary_id, listen, consent, doubts)
        JOIN press p ON p.no = f.no
        ORDER BY f.at
    LOOP
        v_device := r.device;
        v_opens := false;
        LOOP
            SELECT a.id, a.located INTO v_alert
            FROM alert a WHERE a.device = v_device AND a.status <> 'closed' FOR UPDATE;
            EXIT WHEN FOUND;
            -- Phones that the register does not know share one alert above a rate.
            IF NOT r.known AND v_device <> '*unknown*' AND p_group_from <= (
                SELECT count(*) FROM alert u WHERE NOT u.known AND u.opened_at > p_now - interval '60 seconds'
            ) THEN
                v_device := '*unknown*';
                CONTINUE;
            END IF;
            v_number := nextval('case_number');
            INSERT INTO alert (case_id, device, reply_to, known, assignment_id, consent, located, listen,
                               plan, key, follows, opened_at, forget_at, first_tst, pressed_at,
                               last_press_id, last_press_at)
            VALUES (v_day || lpad(v_number, greatest(6, length(v_number)), '0'), v_device, r.reply_to,
                    r.known, r.assignment_id, r.consent, r.consent <> 'refused', r.listen,
                    r.plan::jsonb, r.raw_key,
                    (SELECT (array_agg(c.id ORDER BY c.opened_at DESC))[1] FROM alert c WHERE c.device = v_device),
                    p_now, p_now + interval '3 days', r.tst, r.pressed_at, r.id, r.received_at)
            ON CONFLICT (device) WHERE status <> 'closed' DO NOTHING
            RETURNING id, located INTO v_alert;
            v_opens := FOUND;
            EXIT WHEN FOUND;
        END LOOP;
        IF v_opens THEN
            v_new := array_append(v_new, v_alert.id);
            v_plans := array_append(v_plans, r.plan::jsonb);
        ELSE
            v_joined := array_append(v_joined, v_alert.id);
            UPDATE alert SET last_press_id = r.id, last_press_at = r.received_at, presses = presses + 1,
                             reply_to = r.reply_to, contact_lost_at = NULL
            WHERE id = v_alert.id;
        END IF;
        v_alerts := array_append(v_alerts, v_alert.id);
        v_located := array_append(v_located, v_alert.located);
    END LOOP;

    INSERT INTO alert_press (press_no, alert_id) SELECT * FROM unnest(p_no, v_alerts);

    INSERT INTO deadline (alert_id, name, due_at)
    SELECT n.id, d.key, p_now + d.value::float8 * interval '1 second'
    FROM unnest(v_new, v_plans) AS n (id, plan), jsonb_each_text(n.plan -> 'opening') AS d;

    IF v_joined <> '{}' THEN
        -- A word from the phone: contact is (again) there. Rooms that were told hear of it.
        INSERT INTO deadline (alert_id, name, due_at)
        SELECT DISTINCT a.id, d.name, d.due_at
        FROM unnest(v_joined) AS j (id) JOIN alert a ON a.id = j.id,
        LATERAL (VALUES ('contact', p_now + (a.plan ->> 'contact')::float8 * interval '1 second'),
                        ('further_press', CASE WHEN a.status = 'police' THEN p_now END)) AS d (name, due_at)
        WHERE d.due_at IS NOT NULL
        ON CONFLICT (alert_id, dispatch_id, name)
            DO UPDATE SET due_at = excluded.due_at WHERE deadline.name = 'contact';
    END IF;

    INSERT INTO position (alert_id, press_no, fix, key, fixed_at, received_at, doubts)
    SELECT m.alert_id, m.no, p_fix[m.at], p.raw_key, p_fixed_at[m.at], p_now,
           string_to_array(p_fix_doubts[m.at], ',')
    FROM unnest(p_no, p_at, v_alerts, v_located) AS m (no, at, alert_id, located)
    JOIN press p ON p.no = m.no
    WHERE m.located AND p_fix[m.at] IS NOT NULL;

    INSERT INTO journal (at, actor, alert_id, kind, details)
    SELECT p_now, 'phone', m.alert_id, 'press',
           jsonb_build_object('press', p.id, 'opened', m.alert_id = ANY (v_new), 'doubts', p.doubts)
    FROM unnest(p_no, v_alerts) AS m (no, alert_id)
    JOIN press p ON p.no = m.no;

    RETURN v_new;
END $$;


CREATE FUNCTION take_presses(
    p_now timestamptz, p_group_from int,
    p_device text[], p_reply_to text[], p_id uuid[], p_sent_id text[], p_seq bigint[], p_attempt int[],
    p_tst float8[], p_pressed_at timestamptz[], p_received_at timestamptz[], p_age_s float8[],
    p_trigger text[], p_path text[], p_batt int[], p_doubts text[], p_digest bytea[], p_retained boolean[],
    p_raw bytea[], p_redacted bytea[], p_raw_key bytea[], p_plan text[],
    p_fix bytea[], p_fixed_at timestamptz[], p_fix_doubts text[]
) RETURNS TABLE (fresh boolean, alert_id uuid, opened boolean, listen text, located boolean, fault text)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    r        record;
    v_own    uuid;
    v_twin   record;
    v_holder holder;
    v_no     bigint;        -- the press's number, or that of the press it repeats
    v_opened uuid[] := '{}';
    -- by place in the batch
    o_no     bigint[] := '{}';
    o_fresh  boolean[] := '{}';
    o_fault  text[] := array_fill(NULL::text, ARRAY[array_length(p_device, 1)]);
    -- the new presses that are to have an alert, their places and their holders
    n_no     bigint[] := '{}';
    n_at     int[] := '{}';
    n_holder holder[] := '{}';
BEGIN
    FOR r IN
        SELECT * FROM unnest(p_device, p_reply_to, p_id, p_sent_id, p_seq, p_attempt, p_tst, p_pressed_at,
                             p_received_at, p_age_s, p_trigger, p_path, p_batt, p_doubts, p_digest,
                             p_retained, p_raw, p_redacted, p_raw_key, p_plan) WITH ORDINALITY
        AS g (device, reply_to, id, sent_id, seq, attempt, tst, pressed_at, received_at, age_s, trigger,
              path, batt, doubts, digest, retained, raw, redacted, raw_key, plan, place)
    LOOP
        v_own := r.id;
        v_no := NULL;
        fresh := true;

        -- Rule 3: one (device, id) is one press; another seq makes another; where one copy came
        -- without its seq it is the same. Id-less presses of one phone less than 15 s apart are one.
        -- Retained bytes count once per device, whether or not they came live before.
        SELECT p.no INTO v_no FROM press p
        WHERE r.retained AND p.device = r.device AND p.digest = r.digest LIMIT 1;
        IF FOUND THEN
            fresh := false;
        ELSIF r.sent_id IS NULL THEN
            UPDATE press p SET last_seen_at = greatest(p.last_seen_at, r.received_at)
            WHERE p.no = (SELECT t.no FROM press t WHERE t.device = r.device AND t.sent_id IS NULL
                          AND t.last_seen_at > r.received_at - interval '15 seconds'
                          ORDER BY t.last_seen_at DESC LIMIT 1)
            RETURNING p.no INTO v_no;
            fresh := NOT FOUND;
        ELSE
            SELECT p.no, p.seq INTO v_twin FROM press p
            WHERE p.device = r.device AND p.sent_id = r.sent_id
            ORDER BY (p.seq = r.seq OR p.seq IS NULL OR r.seq IS NULL) DESC, p.no LIMIT 1;
            IF FOUND THEN
                IF v_twin.seq <> r.seq THEN
                    r.doubts := concat_ws(',', nullif(r.doubts, ''), 'id_reused');
                    v_own := gen_random_uuid();
                ELSE
                    fresh := false;
                    v_no := v_twin.no;
                END IF;
            END IF;
        END IF;

        IF fresh THEN
            SELECT * INTO v_holder FROM holder h WHERE h.device = r.device;
            IF NOT FOUND THEN
                r.doubts := concat_ws(',', nullif(r.doubts, ''), 'device_unknown,consent_unknown');
            ELSIF v_holder.doubts <> '{}' THEN
                r.doubts := concat_ws(',', nullif(r.doubts, ''), array_to_string(v_holder.doubts, ','));
            END IF;
            INSERT INTO press (device, reply_to, id, sent_id, seq, attempt, tst, pressed_at, received_at,
                               age_s, trigger, path, batt, doubts, digest, retained, raw, raw_key, last_seen_at)
            VALUES (r.device, r.reply_to, v_own, r.sent_id, r.seq, r.attempt, r.tst, r.pressed_at,
                    r.received_at, r.age_s, r.trigger, r.path, r.batt, string_to_array(r.doubts, ','),
                    r.digest, r.retained,
                    CASE WHEN v_holder.consent = 'refused' THEN coalesce(r.redacted, r.raw) ELSE r.raw END,
                    r.raw_key, r.received_at)
            ON CONFLICT DO NOTHING
            RETURNING no INTO v_no;
            fresh := FOUND;
            IF NOT fresh THEN  -- a retained delivery seen before, or another server was faster
                SELECT p.no INTO v_no FROM press p
                WHERE p.device = r.device AND (p.id = r.id OR (p.retained AND p.digest = r.digest)) LIMIT 1;
            END IF;
        END IF;

        IF fresh AND r.plan IS NOT NULL THEN
            n_no := array_append(n_no, v_no);
            n_at := array_append(n_at, r.place::int);
            n_holder := array_append(n_holder, v_holder);
        END IF;
        o_no := array_append(o_no, v_no);
        o_fresh := array_append(o_fresh, fresh);
    END LOOP;

    BEGIN
        IF n_no <> '{}' THEN
            v_opened := open_alerts(p_now, p_group_from, n_no, n_at, n_holder, p_plan, p_fix,
                p_fixed_at, p_fix_doubts);
        END IF;
    EXCEPTION WHEN OTHERS THEN
        FOR i IN 1..array_length(n_no, 1) LOOP
            BEGIN
                v_opened := v_opened || open_alerts(p_now, p_group_from, n_no[i:i], n_at[i:i], n_holder[i:i],
                    p_plan, p_fix, p_fixed_at, p_fix_doubts);
            EXCEPTION
            WHEN transaction_rollback THEN
                RAISE;  -- a deadlock with another server is no fault: the whole batch again
            WHEN OTHERS THEN
                o_fault[n_at[i]] := SQLSTATE || ' ' || SQLERRM;
            END;
        END LOOP;
    END;

    PERFORM pg_notify('tgd', 'press');
    RETURN QUERY
    SELECT o.fresh, a.id, o.fresh AND a.id = ANY (v_opened), coalesce(a.listen, 'mic_only'),
           coalesce(a.located, false), o.fault
    FROM unnest(o_no, o_fresh, o_fault) WITH ORDINALITY AS o (no, fresh, fault, place)
    LEFT JOIN alert_press k ON k.press_no = o.no
    LEFT JOIN alert a ON a.id = k.alert_id
    ORDER BY o.place;
END $$;

CREATE OR REPLACE FUNCTION claim_envelopes(p_now timestamptz, p_lease interval, p_limit int)
RETURNS TABLE (envelope_id uuid, content bytea, held alert, told dispatch, beneficiary text, number text,
               room room, room_line room_line, purpose text, created_at timestamptz, expires_at timestamptz,
               attempts int, rooms_told text[], latest_press timestamptz, doubts text[], positions "position"[])
LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
#variable_conflict use_column
DECLARE
    v_ids uuid[];
BEGIN
    -- What is only of use now, or concerns a case that is closed, does not outlive its hour.
    UPDATE envelope e SET state = 'expired'
    FROM alert a
    WHERE a.id = e.alert_id AND e.state = 'waiting' AND e.expires_at <= p_now
      AND (e.purpose IN ('contact', 'position') OR a.status = 'closed');

    SELECT array_agg(c.id) INTO v_ids FROM (
        SELECT e.id
        FROM envelope e JOIN alert a ON a.id = e.alert_id
        WHERE e.state IN ('waiting', 'sending')
          AND e.next_at <= p_now AND (e.lease_until IS NULL OR e.lease_until <= p_now)
          -- A room hears of a case first by its Report: what was raised later waits its turn, but
          -- nothing waits behind what is only of use for the moment.
          AND NOT EXISTS (
              SELECT FROM envelope b WHERE b.dispatch_id = e.dispatch_id AND b.no < e.no
                AND b.state IN ('waiting', 'sending') AND b.round = e.round
                AND b.purpose NOT IN ('contact', 'position'))
        ORDER BY e.next_at, e.no LIMIT p_limit
        FOR UPDATE OF a, e SKIP LOCKED) AS c;
    IF v_ids IS NULL THEN
        RETURN;
    END IF;

    -- The lease outlives the line's time-out by p_lease and no more: what a dead server was sending
    -- is not to wait longer than a slow room may take.
    UPDATE envelope e SET state = 'sending', attempts = e.attempts + 1, lease_until = p_now + p_lease + (
        SELECT coalesce(max(l.timeout_s), 0) * interval '1 second'
        FROM dispatch d JOIN room_line l ON l.room_id = d.room_id WHERE d.id = e.dispatch_id)
    WHERE e.id = ANY (v_ids);

    UPDATE dispatch d SET
        attempts = d.attempts + 1,
        state = CASE WHEN e.round = d.round AND e.purpose IN ('report', 'press') AND d.state = 'pending'
                     THEN 'sending' ELSE d.state END
    FROM envelope e WHERE e.id = ANY (v_ids) AND d.id = e.dispatch_id;

    -- From the first sending a room has so long to confirm the receipt.
    INSERT INTO deadline (alert_id, dispatch_id, name, due_at)
    SELECT DISTINCT ON (e.dispatch_id) e.alert_id, e.dispatch_id, 'received',
           p_now + (a.plan ->> 'received')::float8 * interval '1 second'
    FROM envelope e JOIN alert a ON a.id = e.alert_id
    WHERE e.id = ANY (v_ids) AND e.purpose NOT IN ('contact', 'position') AND a.status = 'police'
    ON CONFLICT (alert_id, dispatch_id, name) DO NOTHING;

    RETURN QUERY
    SELECT e.id, e.content, a, d, b.label, v.number, r, l.x, e.purpose, e.created_at, e.expires_at, e.attempts,
           ARRAY(SELECT o.address FROM dispatch x JOIN room o ON o.id = x.room_id
                 WHERE x.alert_id = a.id ORDER BY x.lead DESC, x.dispatched_at),
           p.pressed_at,
           ARRAY(SELECT DISTINCT unnest(q.doubts) FROM alert_press k JOIN press q ON q.no = k.press_no
                 WHERE k.alert_id = a.id),
           CASE WHEN e.content IS NULL
                THEN ARRAY(SELECT q FROM position q WHERE q.alert_id = a.id ORDER BY q.no DESC LIMIT 12) END
    FROM envelope e
    JOIN alert a ON a.id = e.alert_id
    JOIN dispatch d ON d.id = e.dispatch_id
    JOIN room r ON r.id = d.room_id
    -- The line of this message, or, where the rooms were imported anew without it, the first.
    LEFT JOIN LATERAL (
        SELECT x FROM room_line x WHERE x.room_id = r.id AND x.adapter = 'https'
        ORDER BY (x.line <> e.line), x.line LIMIT 1) AS l ON true
    LEFT JOIN assignment s ON s.id = a.assignment_id
    LEFT JOIN beneficiary b ON b.id = s.beneficiary_id
    LEFT JOIN device v ON v.id = a.device
    LEFT JOIN press p ON p.device = a.device AND p.id = a.last_press_id
    WHERE e.id = ANY (v_ids) ORDER BY e.no;
END $$;
