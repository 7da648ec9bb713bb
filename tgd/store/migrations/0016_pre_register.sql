-- The prosecutor's office: stock with its allocation, the life of an assignment, the waiting list,
-- releases, conflicts of interest. What is impossible cannot be stored, whoever writes.

ALTER TABLE tribunal
    ADD COLUMN allocation int NOT NULL DEFAULT 0 CHECK (allocation >= 0),
    ADD COLUMN reserve_floor int NOT NULL DEFAULT 0 CHECK (reserve_floor >= 0),
    ADD COLUMN court text;                  -- of appeal: phones are lent within it
UPDATE tribunal t SET allocation = (SELECT count(*) FROM device d WHERE d.tribunal_id = t.id);
UPDATE tribunal SET court = 'poitiers' WHERE id = 'poitiers';
GRANT UPDATE (allocation, reserve_floor) ON tribunal TO tgd_app;

ALTER TABLE device
    ADD COLUMN state text NOT NULL DEFAULT 'in_stock'
        CHECK (state IN ('in_stock', 'reserve', 'reserved', 'handed_over', 'on_loan', 'lost', 'stolen', 'broken',
                         'returned', 'wiped')),
    ADD COLUMN state_at timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN label text,                  -- what stands on its sticker; the id if null
    ADD COLUMN imei text UNIQUE CHECK (imei ~ '^[0-9]{15}$'),
    ADD COLUMN generation text CHECK (generation IN ('2G', '3G', '4G', '5G')),
    ADD COLUMN firmware text,               -- as it was prepared; device_health has what it says itself
    ADD COLUMN sim bytea,                   -- sealed: ICCID and telephone number
    ADD COLUMN key bytea,                   -- that opens it
    ADD COLUMN lent_to text REFERENCES tribunal CHECK (lent_to <> tribunal_id),
    ADD COLUMN compromised_at timestamptz,
    ADD COLUMN compromised_by text,
    ADD COLUMN muted_at timestamptz,        -- the second person's confirmation: its credentials end
    ADD COLUMN muted_by text,
    ADD CONSTRAINT device_lost CHECK (state NOT IN ('lost', 'stolen') OR lost_at IS NOT NULL),
    ADD CONSTRAINT device_on_loan CHECK (state <> 'on_loan' OR lent_to IS NOT NULL),
    ADD CONSTRAINT device_compromised CHECK (
        (compromised_at IS NULL) = (compromised_by IS NULL) AND (muted_at IS NULL) = (muted_by IS NULL)
        AND (muted_at IS NULL OR compromised_at IS NOT NULL)
        AND (muted_by <> compromised_by) IS NOT FALSE);

-- Whoever asks for a phone, by any means. Each unmet one has its reason, with its date.
CREATE TABLE request (
    id             uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    tribunal_id    text NOT NULL REFERENCES tribunal,
    beneficiary_id uuid NOT NULL REFERENCES beneficiary,
    asked_at       timestamptz NOT NULL,
    source         text NOT NULL DEFAULT 'unsaid'
                   CHECK (source IN ('victim', 'association', 'police', 'gendarmerie', 'prosecutor', 'judge',
                                     'lawyer', 'health', 'social', 'relative', 'other', 'unsaid')),
    means          text NOT NULL DEFAULT 'unsaid'
                   CHECK (means IN ('telephone', 'email', 'letter', 'in_person', 'form', 'other', 'unsaid')),
    legal_basis    text CHECK (legal_basis IN ('1', '2')),
    status         text NOT NULL DEFAULT 'open'
                   CHECK (status IN ('open', 'waiting', 'granted', 'refused', 'withdrawn')),
    reason         text NOT NULL DEFAULT 'undecided',
    reason_at      timestamptz NOT NULL,
    recorded_by    text NOT NULL,
    decided_at     timestamptz,
    decided_by     text,
    CHECK ((decided_at IS NULL) = (decided_by IS NULL)),
    CHECK (status = 'open' OR decided_at IS NOT NULL)
);
CREATE UNIQUE INDEX request_one_unmet ON request (beneficiary_id) WHERE status IN ('open', 'waiting');
CREATE INDEX request_waiting ON request (tribunal_id, asked_at) WHERE status IN ('open', 'waiting');
GRANT SELECT, INSERT ON request TO tgd_app;
GRANT UPDATE (status, reason, reason_at, decided_at, decided_by, legal_basis) ON request TO tgd_app;

CREATE FUNCTION six_months_after(p_at timestamptz) RETURNS timestamptz LANGUAGE sql IMMUTABLE
RETURN (p_at AT TIME ZONE 'Europe/Paris' + interval '6 months') AT TIME ZONE 'Europe/Paris';

ALTER TABLE assignment
    ADD COLUMN request_id uuid UNIQUE REFERENCES request,
    ADD COLUMN replaces uuid UNIQUE REFERENCES assignment CHECK (replaces <> id),
    ADD COLUMN decided_by text,
    ADD COLUMN legal_basis text CHECK (legal_basis IN ('1', '2')),  -- article 41-3-1, 1° or 2°
    ADD COLUMN content bytea,               -- sealed: the order's reference and dates, what was said at each act
    ADD COLUMN key bytea,                   -- that opens it
    ADD COLUMN term_at timestamptz,         -- when the present term began; null: before terms were kept
    ADD COLUMN renewals int NOT NULL DEFAULT 0,
    ADD COLUMN handed_over_at timestamptz,
    ADD COLUMN tested_at timestamptz,       -- the hand-over test was passed
    ADD COLUMN tested_by text,
    ADD COLUMN ended_by text,
    ADD COLUMN end_reason text CHECK (end_reason IN (
        'danger_over', 'aggressor_jailed', 'her_wish', 'instructions_not_respected', 'no_protection_order',
        'replaced', 'other')),
    ADD COLUMN returned_by text,            -- who attests it
    ADD COLUMN wiped_at timestamptz CHECK (wiped_at IS NULL OR returned_at IS NOT NULL),
    ADD COLUMN wiped_by text;
-- A phone that was handed over again had come back.
UPDATE assignment a SET returned_at = (SELECT min(n.starts_at) FROM assignment n
                                       WHERE n.device_id = a.device_id AND n.starts_at > a.starts_at)
WHERE a.returned_at IS NULL AND a.ended_at IS NOT NULL AND EXISTS (
    SELECT FROM assignment n WHERE n.device_id = a.device_id AND n.starts_at > a.starts_at);
UPDATE assignment SET handed_over_at = starts_at;
UPDATE device d SET state = CASE
        WHEN d.lost_at IS NOT NULL THEN 'lost'
        WHEN EXISTS (SELECT FROM assignment a WHERE a.device_id = d.id AND a.returned_at IS NULL) THEN 'handed_over'
        WHEN EXISTS (SELECT FROM assignment a WHERE a.device_id = d.id) THEN 'returned'
        ELSE 'in_stock' END;
ALTER TABLE assignment
    ADD COLUMN status text NOT NULL GENERATED ALWAYS AS (
        CASE WHEN wiped_at IS NOT NULL THEN 'wiped' WHEN returned_at IS NOT NULL THEN 'returned'
             WHEN ended_at IS NOT NULL THEN 'ended' WHEN tested_at IS NOT NULL THEN 'active'
             WHEN handed_over_at IS NOT NULL THEN 'handed_over' ELSE 'preparing' END) STORED,
    ADD CONSTRAINT assignment_six_months CHECK (term_at IS NULL OR ends_at <= six_months_after(term_at)),
    ADD CONSTRAINT assignment_tested CHECK (tested_at IS NULL OR handed_over_at IS NOT NULL),
    ADD CONSTRAINT assignment_ended_by CHECK (end_reason IS NULL OR ended_by IS NOT NULL);
-- A phone that is not back is nobody else's.
CREATE UNIQUE INDEX assignment_one_out_per_device ON assignment (device_id) WHERE returned_at IS NULL;

ALTER TABLE consent DROP CONSTRAINT consent_kind_check, ADD CONSTRAINT consent_kind_check
    CHECK (kind IN ('phone', 'location', 'audio'));

-- His release or leave: a phone waits for her, and the danger is evaluated again.
CREATE TABLE release (
    id             uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    tribunal_id    text NOT NULL REFERENCES tribunal,
    beneficiary_id uuid NOT NULL REFERENCES beneficiary,
    kind           text NOT NULL CHECK (kind IN ('release', 'leave', 'escape', 'end_of_ban')),
    happens_at     timestamptz NOT NULL,
    recorded_at    timestamptz NOT NULL,
    recorded_by    text NOT NULL,
    device_id      text REFERENCES device,  -- reserved for her; null: she holds one, or waits for one
    evaluated_at   timestamptz,
    evaluated_by   text,
    outcome        text CHECK (outcome IN ('phone_needed', 'no_danger', 'keeps_hers')),
    CHECK ((evaluated_at IS NULL) = (evaluated_by IS NULL) AND (evaluated_at IS NULL) = (outcome IS NULL))
);
CREATE UNIQUE INDEX release_one_reservation ON release (device_id) WHERE evaluated_at IS NULL;
CREATE INDEX release_beneficiary ON release (beneficiary_id, happens_at) WHERE evaluated_at IS NULL;
GRANT SELECT, INSERT ON release TO tgd_app;
GRANT UPDATE (device_id, evaluated_at, evaluated_by, outcome) ON release TO tgd_app;

-- The aggressor or a relative of his is one of those readers: they get neither the alert, nor a hint,
-- nor a count. What `value` names is a service or an account, never a person.
CREATE TABLE conflict (
    id             uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    beneficiary_id uuid NOT NULL REFERENCES beneficiary,
    kind           text NOT NULL CHECK (kind IN ('institution', 'room', 'site', 'role', 'account')),
    value          text NOT NULL,
    recorded_at    timestamptz NOT NULL,
    recorded_by    text NOT NULL,
    lifted_at      timestamptz,
    lifted_by      text,
    CHECK ((lifted_at IS NULL) = (lifted_by IS NULL))
);
CREATE UNIQUE INDEX conflict_once ON conflict (beneficiary_id, kind, value) WHERE lifted_at IS NULL;
GRANT SELECT, INSERT ON conflict TO tgd_app;
GRANT UPDATE (lifted_at, lifted_by) ON conflict TO tgd_app;
GRANT INSERT, DELETE ON linked_person TO tgd_app;

-- Never more out than allocated: whoever changes what is out first has the tribunal's row, and so
-- counts what everybody before him has committed. Out is what somebody holds, or has on loan; a
-- phone that was muted raises no alert and is written off.
CREATE FUNCTION stock_is_within(p_tribunals text[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_over text;
BEGIN
    PERFORM FROM tribunal t WHERE t.id = ANY (p_tribunals) ORDER BY t.id FOR NO KEY UPDATE;
    SELECT t.id INTO v_over FROM tribunal t
    WHERE t.id = ANY (p_tribunals) AND t.allocation < (
        SELECT count(*) FROM device d
        WHERE d.tribunal_id = t.id AND d.muted_at IS NULL AND (d.lent_to IS NOT NULL OR EXISTS (
            SELECT FROM assignment a WHERE a.device_id = d.id AND a.returned_at IS NULL)));
    IF FOUND THEN
        RAISE EXCEPTION 'tribunal %: more phones would be out than it was allocated', v_over
            USING ERRCODE = 'check_violation', CONSTRAINT = 'stock_is_within';
    END IF;
END $$;

CREATE FUNCTION assignment_is_within() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM stock_is_within(ARRAY(SELECT DISTINCT d.tribunal_id FROM fresh f JOIN device d ON d.id = f.device_id
                                  WHERE f.returned_at IS NULL));
    RETURN NULL;
END $$;
CREATE TRIGGER assignment_is_within AFTER INSERT ON assignment
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION assignment_is_within();

CREATE FUNCTION tribunal_is_within() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM stock_is_within(ARRAY[NEW.id]);
    RETURN NULL;
END $$;
CREATE TRIGGER tribunal_is_within AFTER UPDATE OF allocation ON tribunal
    FOR EACH ROW EXECUTE FUNCTION tribunal_is_within();

-- What a phone is lent, given back or muted for; a loan stays within the court of appeal.
CREATE FUNCTION device_is_possible() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    v_held boolean;
BEGIN
    IF NEW.lent_to IS NOT NULL AND NOT EXISTS (
        SELECT FROM tribunal o JOIN tribunal b ON b.court = o.court WHERE o.id = NEW.tribunal_id AND b.id = NEW.lent_to
    ) THEN
        RAISE EXCEPTION 'device %: a loan stays within the court of appeal', NEW.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'loan_within_the_court';
    END IF;
    -- Muted only once another phone of hers was heard in a hand-over test.
    IF NEW.muted_at IS NOT NULL AND OLD.muted_at IS NULL AND EXISTS (
        SELECT FROM assignment a WHERE a.device_id = NEW.id AND a.returned_at IS NULL AND NOT EXISTS (
            SELECT FROM assignment r JOIN device o ON o.id = r.device_id
            WHERE r.beneficiary_id = a.beneficiary_id AND r.id <> a.id AND r.returned_at IS NULL
              AND r.ended_at IS NULL AND r.tested_at IS NOT NULL AND o.compromised_at IS NULL)
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
CREATE TRIGGER device_is_possible AFTER UPDATE OF state, tribunal_id, lent_to, muted_at ON device
    FOR EACH ROW EXECUTE FUNCTION device_is_possible();

-- A phone follows its assignment: taken with it, back with its return.
CREATE FUNCTION assignment_moves_phone() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    v_device device;
BEGIN
    SELECT * INTO v_device FROM device WHERE id = NEW.device_id FOR NO KEY UPDATE;
    IF TG_OP = 'INSERT' THEN
        IF NEW.returned_at IS NOT NULL THEN
            RETURN NULL;
        END IF;
        IF v_device.state IN ('lost', 'stolen', 'broken') OR v_device.compromised_at IS NOT NULL THEN
            RAISE EXCEPTION 'device %: it is % or compromised, and cannot be handed over', NEW.device_id,
                v_device.state USING ERRCODE = 'check_violation', CONSTRAINT = 'device_is_sound';
        END IF;
        UPDATE device SET state_at = NEW.starts_at,
            state = CASE WHEN NEW.handed_over_at IS NULL THEN 'reserved' ELSE 'handed_over' END
        WHERE id = NEW.device_id;
    ELSIF NEW.returned_at IS NOT NULL AND OLD.returned_at IS NULL THEN
        UPDATE device SET state = CASE WHEN state = 'broken' THEN state ELSE 'returned' END,
                          state_at = NEW.returned_at, lost_at = NULL
        WHERE id = NEW.device_id;
    ELSIF NEW.handed_over_at IS NOT NULL AND OLD.handed_over_at IS NULL AND v_device.state = 'reserved' THEN
        UPDATE device SET state = 'handed_over', state_at = NEW.handed_over_at WHERE id = NEW.device_id;
    ELSIF NEW.wiped_at IS NOT NULL AND OLD.wiped_at IS NULL AND v_device.state = 'returned' THEN
        UPDATE device SET state = 'wiped', state_at = NEW.wiped_at WHERE id = NEW.device_id;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER assignment_moves_phone AFTER INSERT OR UPDATE OF handed_over_at, returned_at, wiped_at ON assignment
    FOR EACH ROW EXECUTE FUNCTION assignment_moves_phone();

-- What was done to an assignment stays done, and it stays hers and this phone's.
CREATE FUNCTION assignment_moves_forward() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.device_id, NEW.beneficiary_id, NEW.starts_at) IS DISTINCT FROM
       (OLD.device_id, OLD.beneficiary_id, OLD.starts_at)
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
CREATE TRIGGER assignment_moves_forward BEFORE UPDATE ON assignment
    FOR EACH ROW EXECUTE FUNCTION assignment_moves_forward();
REVOKE DELETE ON assignment, device FROM tgd_app;

CREATE OR REPLACE VIEW holder AS
SELECT d.id AS device,
       a.id AS assignment_id,
       a.beneficiary_id,
       coalesce(b.listen, 'mic_only') AS listen,
       CASE WHEN a.id IS NULL THEN 'unknown' WHEN c.given THEN 'given' ELSE 'refused' END AS consent,
       array_remove(ARRAY[
           CASE WHEN a.id IS NULL THEN 'device_unassigned' END,
           CASE WHEN a.ended_at IS NOT NULL OR a.ends_at < now() THEN 'assignment_ended' END,
           CASE WHEN d.lost_at IS NOT NULL THEN 'device_lost' END,
           CASE WHEN d.compromised_at IS NOT NULL THEN 'device_compromised' END,
           CASE WHEN a.id IS NULL THEN 'consent_unknown' END,
           CASE WHEN a.id IS NOT NULL AND c.given IS NOT TRUE THEN 'location_refused' END
       ], NULL) AS doubts
FROM device d
LEFT JOIN LATERAL (
    SELECT id, beneficiary_id, ended_at, ends_at FROM assignment
    WHERE device_id = d.id AND returned_at IS NULL
    ORDER BY starts_at DESC LIMIT 1
) a ON true
LEFT JOIN beneficiary b ON b.id = a.beneficiary_id
LEFT JOIN LATERAL (
    SELECT given FROM consent
    WHERE assignment_id = a.id AND kind = 'location'
    ORDER BY no DESC LIMIT 1
) c ON true;
