-- What her tests have proved of each phone, and which of them no longer count.

-- A test is an ordinary press of which an operator, having heard the holder, has decided that it was
-- one: the row is written with that verdict, once it has passed. Of where she was there is no more
-- here than how well the phone could say it.
CREATE TABLE phone_test (
    no            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind          text NOT NULL CHECK (kind IN ('fortnightly', 'handover')),
    alert_id      uuid NOT NULL REFERENCES alert,
    device_id     text NOT NULL REFERENCES device,
    assignment_id uuid REFERENCES assignment,   -- null: in nobody's hands
    beneficiary_id uuid REFERENCES beneficiary, -- the assignment's, also of its renewals
    press_id      uuid NOT NULL,            -- the first of its presses
    presses       int NOT NULL,
    paths         text[] NOT NULL,          -- by which they came, each once
    pressed_at    timestamptz NOT NULL,
    received_at   timestamptz NOT NULL,
    answered_at   timestamptz NOT NULL,
    heard_at      timestamptz NOT NULL,     -- the holder's own voice
    decided_at    timestamptz NOT NULL,
    decided_by    text NOT NULL,
    -- These are null where the test is older than this table.
    located       text CHECK (located IN ('yes', 'stale', 'no', 'refused')),
    radius        text CHECK (radius IN ('to_50_m', 'to_200_m', 'to_1_km', 'beyond')),
    word          text CHECK (word IN ('none_agreed', 'given')),
    batt          int,
    radio         text,                     -- m, w or o, by the phone's latest heartbeat
    radio_at      timestamptz,              -- when that was
    -- It became a case for the police after all: a test that has not passed.
    voided_at     timestamptz,
    voided_by     text,
    voided_for    uuid REFERENCES alert,    -- the alert with which the police were sent
    CHECK ((assignment_id IS NULL) = (beneficiary_id IS NULL)),
    CHECK ((located IN ('yes', 'stale')) = (radius IS NOT NULL) IS NOT FALSE),
    CHECK ((voided_at IS NULL) = (voided_by IS NULL) AND (voided_at IS NULL) = (voided_for IS NULL))
);
CREATE UNIQUE INDEX phone_test_one_of_alert ON phone_test (alert_id) WHERE voided_at IS NULL;
CREATE INDEX phone_test_holder ON phone_test (beneficiary_id, device_id, decided_at DESC);
GRANT SELECT, INSERT, DELETE ON phone_test TO tgd_app;
GRANT UPDATE (kind, voided_at, voided_by, voided_for) ON phone_test TO tgd_app;

-- The tests that count, each for the phone in the hands of that person: what another holder has
-- tested proves nothing for her, and a renewal takes nothing away.
CREATE VIEW passed_test AS
SELECT no, kind, alert_id, device_id, beneficiary_id, paths, decided_at, decided_by, located, radius, word, batt
FROM phone_test WHERE voided_at IS NULL;
GRANT SELECT ON passed_test TO tgd_app;

-- On the record, whoever does it, and once.
CREATE FUNCTION void_test(p_alert uuid, p_for uuid, p_by text, p_at timestamptz) RETURNS void
LANGUAGE sql VOLATILE
BEGIN ATOMIC
    WITH voided AS (
        UPDATE phone_test SET voided_at = p_at, voided_by = p_by, voided_for = p_for
        WHERE alert_id = p_alert AND voided_at IS NULL
        RETURNING alert_id
    )
    INSERT INTO journal (at, actor, alert_id, kind, details)
    SELECT p_at, p_by, alert_id, 'test_voided', jsonb_build_object('alert', p_for) FROM voided;
END;

-- A verdict that is no longer "test" leaves none behind, whatever has changed it: the police, or a
-- press that came after it.
CREATE FUNCTION alert_voids_its_test() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM void_test(NEW.id, NEW.id, coalesce(NEW.verdict_by, 'deadline'),
                      greatest(NEW.verdict_at, NEW.last_press_at));
    RETURN NULL;
END $$;
CREATE TRIGGER alert_voids_its_test AFTER UPDATE OF verdict ON alert
    FOR EACH ROW WHEN (OLD.verdict = 'test' AND NEW.verdict IS DISTINCT FROM 'test')
    EXECUTE FUNCTION alert_voids_its_test();
