-- Arrow 1, press → alert: a batch of presses in one round trip and one commit.
--
-- take_presses keeps each press (raw first, then interpret) and then opens or joins its alert
-- inside a block of its own: whatever goes wrong there, the press stays, and `fault` says what it
-- was. A press left without an alert is found by the rescue.
--
-- Small statements in a loop, on purpose: once planned they cost some 10 µs each, their plans are
-- index look-ups whatever the statistics say, and a batch of one pays for one.

-- The alert of one press that is kept: opened, or joined if the phone has one open.
CREATE FUNCTION open_alert(
    p_now timestamptz, p_day text, p_group_from int, p_no bigint, p_device text, p_reply_to text, p_id uuid,
    p_tst float8, p_pressed_at timestamptz, p_received_at timestamptz, p_doubts text[], p_key bytea,
    p_plan jsonb, p_holder holder,
    p_lat float8, p_lon float8, p_acc float8, p_confidence float8, p_method text, p_alt float8,
    p_vac float8, p_vel float8, p_cog float8, p_fixed_at timestamptz, p_fix_doubts text,
    OUT alert_id uuid, OUT opened boolean, OUT listen text
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_device  text := p_device;
    v_known   boolean := p_holder.device IS NOT NULL;
    v_consent text := coalesce(p_holder.consent, 'unknown');
    v_alert   record;
    v_number  text;
BEGIN
    opened := false;
    LOOP
        SELECT a.id, a.status, a.located, a.listen, a.plan INTO v_alert
        FROM alert a WHERE a.device = v_device AND a.status <> 'closed' FOR UPDATE;
        EXIT WHEN FOUND;
        -- Phones that the register does not know share one alert above a rate.
        IF NOT v_known AND v_device <> '*unknown*' AND (
            SELECT count(*) FROM alert u WHERE NOT u.known AND u.opened_at > p_now - interval '60 seconds'
        ) >= p_group_from THEN
            v_device := '*unknown*';
            CONTINUE;
        END IF;
        v_number := nextval('case_number');
        INSERT INTO alert (case_id, device, reply_to, known, assignment_id, consent, located, listen, plan,
                           key, follows, opened_at, first_tst, pressed_at, last_press_id, last_press_at)
        VALUES (p_day || lpad(v_number, greatest(6, length(v_number)), '0'), v_device, p_reply_to, v_known, p_holder.assignment_id, v_consent,
                v_consent <> 'refused', coalesce(p_holder.listen, 'mic_only'), p_plan, p_key,
                (SELECT c.id FROM alert c WHERE c.device = v_device ORDER BY c.opened_at DESC LIMIT 1),
                p_now, p_tst, p_pressed_at, p_id, p_received_at)
        ON CONFLICT (device) WHERE status <> 'closed' DO NOTHING
        RETURNING id, status, located, listen, plan INTO v_alert;
        IF FOUND THEN
            opened := true;
            EXIT;
        END IF;
    END LOOP;
    alert_id := v_alert.id;
    listen := v_alert.listen;

    INSERT INTO alert_press (press_no, alert_id) VALUES (p_no, v_alert.id);
    IF opened THEN
        INSERT INTO deadline (alert_id, name, due_at)
        SELECT v_alert.id, d.key, p_now + d.value::float8 * interval '1 second'
        FROM jsonb_each_text(v_alert.plan -> 'opening') AS d;
    ELSE
        UPDATE alert SET last_press_id = p_id, last_press_at = p_received_at, presses = presses + 1,
                         reply_to = p_reply_to, contact_lost_at = NULL
        WHERE id = v_alert.id;
        -- A word from the phone: contact is (again) there.
        INSERT INTO deadline (alert_id, name, due_at)
        SELECT v_alert.id, 'contact', p_now + (v_alert.plan ->> 'contact')::float8 * interval '1 second'
        WHERE v_alert.plan ? 'contact'
        ON CONFLICT (alert_id, dispatch_id, name) DO UPDATE SET due_at = excluded.due_at;
        -- The rooms that were told hear of it.
        IF v_alert.status = 'police' THEN
            INSERT INTO deadline (alert_id, name, due_at) VALUES (v_alert.id, 'further_press', p_now)
            ON CONFLICT (alert_id, dispatch_id, name) DO NOTHING;
        END IF;
    END IF;

    IF p_lat IS NOT NULL AND v_alert.located THEN
        INSERT INTO position (alert_id, press_no, lat, lon, acc, confidence, method, alt, vac, vel, cog,
                              fixed_at, received_at, doubts)
        VALUES (v_alert.id, p_no, p_lat, p_lon, p_acc, p_confidence, p_method, p_alt, p_vac, p_vel, p_cog,
                p_fixed_at, p_received_at, string_to_array(p_fix_doubts, ','));
    END IF;

    INSERT INTO journal (at, actor, alert_id, kind, details)
    VALUES (p_now, 'phone', v_alert.id, 'press',
            jsonb_build_object('press', p_id, 'opened', opened, 'doubts', p_doubts));
END $$;


CREATE FUNCTION take_presses(
    p_now timestamptz, p_group_from int,
    p_device text[], p_reply_to text[], p_id uuid[], p_sent_id text[], p_seq bigint[], p_attempt int[],
    p_tst float8[], p_pressed_at timestamptz[], p_received_at timestamptz[], p_age_s float8[],
    p_trigger text[], p_path text[], p_batt int[], p_doubts text[], p_digest bytea[], p_retained boolean[],
    p_raw bytea[], p_redacted bytea[], p_raw_key bytea[], p_plan text[],
    p_lat float8[], p_lon float8[], p_acc float8[], p_confidence float8[], p_method text[],
    p_alt float8[], p_vac float8[], p_vel float8[], p_cog float8[], p_fixed_at timestamptz[],
    p_fix_doubts text[],
    OUT fresh boolean, OUT alert_id uuid, OUT opened boolean, OUT listen text, OUT fault text
) RETURNS SETOF record LANGUAGE plpgsql
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
#variable_conflict use_column
DECLARE
    r        record;
    v_own    uuid;
    v_twin   record;
    v_holder holder;
    v_day    text := to_char(p_now AT TIME ZONE 'Europe/Paris', 'YYYYMMDD-');
    v_no     bigint;                    -- the press's number, or that of the press it repeats
BEGIN
    FOR r IN
        SELECT * FROM unnest(p_device, p_reply_to, p_id, p_sent_id, p_seq, p_attempt, p_tst, p_pressed_at,
                             p_received_at, p_age_s, p_trigger, p_path, p_batt, p_doubts, p_digest,
                             p_retained, p_raw, p_redacted, p_raw_key, p_plan, p_lat, p_lon, p_acc,
                             p_confidence, p_method, p_alt, p_vac, p_vel, p_cog, p_fixed_at, p_fix_doubts)
        AS g (device, reply_to, id, sent_id, seq, attempt, tst, pressed_at, received_at, age_s, trigger,
              path, batt, doubts, digest, retained, raw, redacted, raw_key, plan, lat, lon, acc,
              confidence, method, alt, vac, vel, cog, fixed_at, fix_doubts)
    LOOP
        v_own := r.id;
        fresh := true;
        alert_id := NULL;
        opened := false;
        listen := NULL;
        fault := NULL;

        -- Rule 3: one (device, id) is one press; another seq makes another; where one copy came
        -- without its seq it is the same. Id-less presses of one phone less than 15 s apart are one.
        IF r.sent_id IS NULL THEN
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
            r.doubts := concat_ws(',', nullif(r.doubts, ''), CASE WHEN NOT FOUND
                THEN 'device_unknown,consent_unknown'
                ELSE nullif(array_to_string(v_holder.doubts, ','), '') END);
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
            BEGIN
                SELECT o.alert_id, o.opened, o.listen INTO alert_id, opened, listen
                FROM open_alert(p_now, v_day, p_group_from, v_no, r.device, r.reply_to, v_own, r.tst, r.pressed_at,
                                r.received_at, string_to_array(r.doubts, ','), r.raw_key, r.plan::jsonb,
                                v_holder, r.lat, r.lon, r.acc, r.confidence, r.method, r.alt, r.vac, r.vel,
                                r.cog, r.fixed_at, r.fix_doubts) AS o;
            EXCEPTION WHEN OTHERS THEN
                GET STACKED DIAGNOSTICS fault = MESSAGE_TEXT;
                fault := SQLSTATE || ' ' || fault;
                alert_id := NULL;
                opened := false;
            END;
        ELSIF NOT fresh THEN
            SELECT k.alert_id, a.listen INTO alert_id, listen
            FROM alert_press k JOIN alert a ON a.id = k.alert_id WHERE k.press_no = v_no;
        END IF;
        listen := coalesce(listen, v_holder.listen, 'mic_only');
        RETURN NEXT;
    END LOOP;
    PERFORM pg_notify('tgd', 'press');
END $$;

GRANT EXECUTE ON FUNCTION take_presses, open_alert TO tgd_app;
