-- Arrow 1, press → alert: a batch of presses in one round trip and one commit.
--
-- take_presses keeps the presses (raw first, then interpret), in the order of arrival, so that
-- each is judged by what those before it left. It gives the new ones to open_alerts inside a block
-- of its own; where that breaks, it is done again press by press, each in its own block: whatever
-- goes wrong, the press stays, and `fault` says what it was. A press left without an alert is
-- found by the rescue.
--
-- Decisions are small index look-ups in a loop; rows that need no decision are written by one
-- statement for the batch. The connection that calls them keeps every plan to
-- its index (store.db.INDEXES_ONLY), whatever the statistics of an empty table said.

CREATE FUNCTION open_alerts(
    p_now timestamptz, p_group_from int,
    p_no bigint[], p_at int[], p_holder holder[], p_plan text[],
    p_lat float8[], p_lon float8[], p_acc float8[], p_confidence float8[], p_method text[],
    p_alt float8[], p_vac float8[], p_vel float8[], p_cog float8[], p_fixed_at timestamptz[],
    p_fix_doubts text[]
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
                               plan, key, follows, opened_at, first_tst, pressed_at, last_press_id,
                               last_press_at)
            VALUES (v_day || lpad(v_number, greatest(6, length(v_number)), '0'), v_device, r.reply_to,
                    r.known, r.assignment_id, r.consent, r.consent <> 'refused', r.listen,
                    r.plan::jsonb, r.raw_key,
                    (SELECT (array_agg(c.id ORDER BY c.opened_at DESC))[1] FROM alert c WHERE c.device = v_device),
                    p_now, r.tst, r.pressed_at, r.id, r.received_at)
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

    INSERT INTO position (alert_id, press_no, lat, lon, acc, confidence, method, alt, vac, vel, cog,
                          fixed_at, received_at, doubts)
    SELECT m.alert_id, m.no, p_lat[m.at], p_lon[m.at], p_acc[m.at], p_confidence[m.at], p_method[m.at],
           p_alt[m.at], p_vac[m.at], p_vel[m.at], p_cog[m.at], p_fixed_at[m.at], p_now,
           string_to_array(p_fix_doubts[m.at], ',')
    FROM unnest(p_no, p_at, v_alerts, v_located) AS m (no, at, alert_id, located)
    WHERE m.located AND p_lat[m.at] IS NOT NULL;

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
    p_lat float8[], p_lon float8[], p_acc float8[], p_confidence float8[], p_method text[],
    p_alt float8[], p_vac float8[], p_vel float8[], p_cog float8[], p_fixed_at timestamptz[],
    p_fix_doubts text[]
) RETURNS TABLE (fresh boolean, alert_id uuid, opened boolean, listen text, fault text)
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
            v_opened := open_alerts(p_now, p_group_from, n_no, n_at, n_holder, p_plan, p_lat, p_lon, p_acc,
                p_confidence, p_method, p_alt, p_vac, p_vel, p_cog, p_fixed_at, p_fix_doubts);
        END IF;
    EXCEPTION WHEN OTHERS THEN
        FOR i IN 1..array_length(n_no, 1) LOOP
            BEGIN
                v_opened := v_opened || open_alerts(p_now, p_group_from, n_no[i:i], n_at[i:i], n_holder[i:i],
                    p_plan, p_lat, p_lon, p_acc, p_confidence, p_method, p_alt, p_vac, p_vel, p_cog,
                    p_fixed_at, p_fix_doubts);
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
    SELECT o.fresh, a.id, o.fresh AND a.id = ANY (v_opened), coalesce(a.listen, 'mic_only'), o.fault
    FROM unnest(o_no, o_fresh, o_fault) WITH ORDINALITY AS o (no, fresh, fault, place)
    LEFT JOIN alert_press k ON k.press_no = o.no
    LEFT JOIN alert a ON a.id = k.alert_id
    ORDER BY o.place;
END $$;

GRANT EXECUTE ON FUNCTION take_presses, open_alerts TO tgd_app;
