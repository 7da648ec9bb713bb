-- After the alert: she is called back a day and two days after its closing.

-- Written by the closing itself, whoever closes: none can be forgotten. Not after a test or a mistake.
CREATE TABLE recontact (
    id       uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    alert_id uuid NOT NULL REFERENCES alert,
    hours    int NOT NULL CHECK (hours IN (24, 48)),
    owner    text NOT NULL CHECK (owner IN ('association', 'supervisor')),
    due_at   timestamptz NOT NULL,
    done_at  timestamptz,
    done_by  text,
    UNIQUE (alert_id, hours),
    CHECK ((done_at IS NULL) = (done_by IS NULL))
);
CREATE INDEX recontact_due ON recontact (due_at) WHERE done_at IS NULL;
CREATE INDEX recontact_done ON recontact (done_at DESC) WHERE done_at IS NOT NULL;
GRANT SELECT, INSERT ON recontact TO tgd_app;
GRANT UPDATE (done_at, done_by) ON recontact TO tgd_app;

CREATE FUNCTION alert_asks_for_recontact() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- A phone without a holder is no association's: the supervisors find out whose it is.
    INSERT INTO recontact (alert_id, hours, owner, due_at)
    SELECT NEW.id, h, CASE WHEN NEW.assignment_id IS NULL THEN 'supervisor' ELSE 'association' END,
           NEW.closed_at + h * interval '1 hour'
    FROM unnest(ARRAY[24, 48]) AS h
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE TRIGGER alert_asks_for_recontact AFTER UPDATE OF status ON alert
    FOR EACH ROW WHEN (NEW.status = 'closed' AND OLD.status <> 'closed'
                       AND NEW.verdict NOT IN ('test', 'accidental'))
    EXECUTE FUNCTION alert_asks_for_recontact();
