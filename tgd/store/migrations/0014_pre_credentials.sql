-- What a phone proves itself with, and knows us by. The register is the truth: the broker is made
-- to say the same (tgd/devices/enrolment.py). A row is a credential; it ends and never comes back.
CREATE TABLE phone_credential (
    id         uuid PRIMARY KEY,            -- ours, before the insertion: secrets are sealed for it
    device_id  text NOT NULL REFERENCES device,
    serial     text NOT NULL UNIQUE CHECK (serial ~ '^[0-9a-f]{16,40}$'),   -- its certificate's
    state      text NOT NULL DEFAULT 'active'
               CHECK (state IN ('active', 'rotated', 'ended', 'compromised')),
    password   bytea,                       -- at the broker; sealed; gone with the credential
    mac_key    bytea,                       -- proves our messages to the phone; the same
    issued_at  timestamptz NOT NULL,
    issued_by  text NOT NULL,
    expires_at timestamptz NOT NULL CHECK (expires_at > issued_at),         -- the certificate
    ended_at   timestamptz,
    ended_by   text,
    settled_at timestamptz,                 -- since when every broker says the same; null: not yet
    CHECK ((state = 'active') = (ended_at IS NULL)),
    CHECK ((state = 'active') = (ended_by IS NULL)),
    CHECK ((state = 'active') = (password IS NOT NULL)),
    CHECK ((state = 'active') = (mac_key IS NOT NULL))
);
CREATE UNIQUE INDEX phone_credential_one_active ON phone_credential (device_id) WHERE state = 'active';
CREATE INDEX phone_credential_device ON phone_credential (device_id, issued_at DESC);
GRANT SELECT, INSERT ON phone_credential TO tgd_app;
GRANT UPDATE (state, password, mac_key, ended_at, ended_by, settled_at) ON phone_credential TO tgd_app;

CREATE FUNCTION phone_credential_is_told() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('tgd', 'credentials');
    RETURN NULL;
END $$;
CREATE TRIGGER phone_credential_is_told AFTER INSERT OR UPDATE OF state ON phone_credential
    FOR EACH STATEMENT EXECUTE FUNCTION phone_credential_is_told();

CREATE FUNCTION phone_credential_ends_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'credential %: it has ended and does not come back', OLD.id
        USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER phone_credential_ends_once BEFORE UPDATE OF state ON phone_credential
    FOR EACH ROW WHEN (OLD.state <> 'active' AND NEW.state <> OLD.state
                       AND NOT (OLD.state = 'compromised' AND NEW.state = 'ended'))
    EXECUTE FUNCTION phone_credential_ends_once();

-- End what a phone can come in with: at the broker and by HTTPS. Nothing else ever ends it: not the
-- end of the assignment, not the loss of the phone.
CREATE FUNCTION end_credentials(p_device text, p_state text, p_at timestamptz, p_by text)
RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    v_ended int;
BEGIN
    UPDATE phone_credential SET state = p_state, ended_at = p_at, ended_by = p_by,
                                password = NULL, mac_key = NULL, settled_at = NULL
    WHERE device_id = p_device
      AND (state = 'active' OR (state = 'compromised' AND p_state = 'ended'));
    GET DIAGNOSTICS v_ended = ROW_COUNT;
    UPDATE token SET revoked_at = p_at WHERE role = 'phone' AND name = p_device AND revoked_at IS NULL;
    RETURN v_ended;
END $$;

-- A phone that is attested as back cannot come in any more, whoever attests it.
CREATE FUNCTION returned_phone_ends() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM end_credentials(NEW.device_id, 'ended', NEW.returned_at, 'return');
    RETURN NULL;
END $$;
CREATE TRIGGER returned_phone_ends AFTER UPDATE OF returned_at ON assignment
    FOR EACH ROW WHEN (OLD.returned_at IS NULL AND NEW.returned_at IS NOT NULL)
    EXECUTE FUNCTION returned_phone_ends();
