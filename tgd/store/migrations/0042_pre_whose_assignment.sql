-- Whose an assignment is: the tribunal that gave the phone, its own or one on loan to it. Who lends a
-- phone learns nothing of who has it, and what was done stays whose it was when the phone is back.
ALTER TABLE assignment ADD COLUMN tribunal_id text REFERENCES tribunal;
UPDATE assignment a SET tribunal_id = coalesce(d.lent_to, d.tribunal_id) FROM device d WHERE d.id = a.device_id;

CREATE FUNCTION assignment_is_somebodys() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE assignment SET tribunal_id = coalesce(d.lent_to, d.tribunal_id)
    FROM device d WHERE assignment.id = NEW.id AND d.id = NEW.device_id;
    RETURN NULL;
END $$;
-- Afterwards: one statement may enter the phone and give it.
CREATE TRIGGER assignment_is_somebodys AFTER INSERT ON assignment
    FOR EACH ROW EXECUTE FUNCTION assignment_is_somebodys();

-- What was done to an assignment stays done, and it stays hers, this phone's and this tribunal's.
CREATE OR REPLACE FUNCTION assignment_moves_forward() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.device_id, NEW.beneficiary_id, NEW.starts_at) IS DISTINCT FROM
       (OLD.device_id, OLD.beneficiary_id, OLD.starts_at)
       OR (OLD.tribunal_id IS NOT NULL AND NEW.tribunal_id IS DISTINCT FROM OLD.tribunal_id)
       OR (OLD.handed_over_at IS NOT NULL AND NEW.handed_over_at IS DISTINCT FROM OLD.handed_over_at)
       OR (OLD.tested_at IS NOT NULL AND NEW.tested_at IS DISTINCT FROM OLD.tested_at)
       OR (OLD.ended_at IS NOT NULL AND (NEW.ended_at IS DISTINCT FROM OLD.ended_at
                                         OR NEW.ends_at IS DISTINCT FROM OLD.ends_at))
       OR (OLD.returned_at IS NOT NULL AND NEW.returned_at IS DISTINCT FROM OLD.returned_at)
       OR (OLD.wiped_at IS NOT NULL AND NEW.wiped_at IS DISTINCT FROM OLD.wiped_at) THEN
        RAISE EXCEPTION 'assignment %: what was done is not undone', OLD.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'assignment_moves_forward';
    END IF;
    RETURN NEW;
END $$;

-- What mutes a compromised phone: a replacement that was tested, and that is still there.
CREATE OR REPLACE FUNCTION device_is_possible() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    v_held boolean;
BEGIN
    IF NEW.lent_to IS NOT NULL AND NOT EXISTS (
        SELECT FROM tribunal o JOIN tribunal b ON b.court = o.court WHERE o.id = NEW.tribunal_id AND b.id = NEW.lent_to
    ) THEN
        RAISE EXCEPTION 'device %: a loan stays within the court of appeal', NEW.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'loan_within_the_court';
    END IF;
    -- Muted only once another phone of hers was heard in a hand-over test, and is still there.
    IF NEW.muted_at IS NOT NULL AND OLD.muted_at IS NULL AND EXISTS (
        SELECT FROM assignment a WHERE a.device_id = NEW.id AND a.returned_at IS NULL AND NOT EXISTS (
            SELECT FROM assignment r JOIN device o ON o.id = r.device_id
            WHERE r.beneficiary_id = a.beneficiary_id AND r.id <> a.id AND r.returned_at IS NULL
              AND r.ended_at IS NULL AND r.tested_at IS NOT NULL AND o.compromised_at IS NULL
              AND o.state NOT IN ('lost', 'stolen', 'broken'))
    ) THEN
        RAISE EXCEPTION 'device %: its replacement was not tested', NEW.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'replacement_tested';
    END IF;
    -- What is with somebody is not in stock, whatever is written; what is with nobody was not handed over.
    v_held := EXISTS (SELECT FROM assignment a WHERE a.device_id = NEW.id AND a.returned_at IS NULL);
    IF (v_held AND NEW.state NOT IN ('reserved', 'handed_over', 'lost', 'stolen', 'broken'))
       OR (NOT v_held AND NEW.state = 'handed_over') THEN
        RAISE EXCEPTION 'device %: % does not fit who holds it', NEW.id, NEW.state
            USING ERRCODE = 'check_violation', CONSTRAINT = 'device_fits_holder';
    END IF;
    PERFORM stock_is_within(ARRAY[OLD.tribunal_id, NEW.tribunal_id]);
    RETURN NULL;
END $$;
