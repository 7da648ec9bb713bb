-- A file that was opened outside of the reader's rights or of its term, for a while, for a reason.
CREATE TABLE break_glass (
    id             uuid PRIMARY KEY,        -- ours, before the insertion: the reason is sealed for it
    beneficiary_id uuid NOT NULL REFERENCES beneficiary ON DELETE CASCADE,
    reader         text NOT NULL,
    role           text NOT NULL CHECK (role IN ('supervisor', 'prosecutor')),
    at             timestamptz NOT NULL,
    until          timestamptz NOT NULL CHECK (until > at),
    reason         bytea NOT NULL           -- sealed under the master secret
);
CREATE INDEX break_glass_stands ON break_glass (beneficiary_id, reader, until);
CREATE INDEX break_glass_at ON break_glass (at DESC);
GRANT SELECT, INSERT ON break_glass TO tgd_app;
GRANT SELECT, DELETE ON break_glass TO tgd_redactor;
