-- An act of the office carries a key, under which it is done once, and the end of a term is taken
-- note of by a person.

-- What a transaction enters into the journal names the key that it acts under (`acts.begin`).
CREATE FUNCTION under_key(p_details jsonb) RETURNS jsonb LANGUAGE sql STABLE
RETURN CASE WHEN coalesce(current_setting('tgd.act', true), '') = '' THEN p_details
            ELSE p_details || jsonb_build_object('act', current_setting('tgd.act', true)) END;
CREATE INDEX journal_act ON journal (actor, (details ->> 'act')) WHERE alert_id IS NULL AND details ? 'act';

-- Somebody has seen that this term ends, so many days before (0: it has ended). A new end, or the next
-- step, is to be seen anew.
CREATE TABLE term_warning (
    assignment_id uuid NOT NULL REFERENCES assignment ON DELETE CASCADE,
    ends_at       timestamptz NOT NULL,
    days          int NOT NULL CHECK (days IN (60, 30, 7, 0)),
    seen_at       timestamptz NOT NULL,
    seen_by       text NOT NULL,
    PRIMARY KEY (assignment_id, ends_at, days)
);
GRANT SELECT, INSERT ON term_warning TO tgd_app;
