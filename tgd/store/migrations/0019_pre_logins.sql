-- Logging in: codes that serve once, guessing slowed down across restarts, sessions that end when idle.

ALTER TABLE account ADD COLUMN totp_step bigint NOT NULL DEFAULT 0;  -- the latest code that was used

ALTER TABLE web_session
    ADD COLUMN no      uuid NOT NULL DEFAULT gen_random_uuid() UNIQUE,  -- what its owner calls it by
    ADD COLUMN seen_at timestamptz;         -- when it was last used, to the minute; null: not since

-- One-time codes for who has lost the second factor.
CREATE TABLE recovery_code (
    account_id uuid NOT NULL REFERENCES account ON DELETE CASCADE,
    hash       bytea NOT NULL,              -- SHA-256 of the code
    made_at    timestamptz NOT NULL,
    used_at    timestamptz,
    PRIMARY KEY (account_id, hash)
);
GRANT SELECT, INSERT, DELETE ON recovery_code TO tgd_app;
GRANT UPDATE (used_at) ON recovery_code TO tgd_app;

-- Failed logins: who has to wait how long follows from these two. Never a name nor an address: a
-- keyed hash of one, as people type passwords where names belong.
CREATE TABLE login_delay (
    who      bytea PRIMARY KEY,
    failures int NOT NULL CHECK (failures >= 0),
    last_at  timestamptz NOT NULL
);
CREATE INDEX login_delay_old ON login_delay (last_at);
GRANT SELECT, INSERT, UPDATE, DELETE ON login_delay TO tgd_app;
