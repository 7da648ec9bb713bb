-- The journal proves itself: each entry's hash holds the one before it, per alert, per assignment,
-- and in one chain for what belongs to neither (the nil UUID). ADR 0012 says why, and
-- tgd/ledger.py how a hash is made.

ALTER TABLE journal
    ADD COLUMN assignment_id uuid,
    ADD COLUMN chain uuid,
    ADD COLUMN number bigint,
    ADD COLUMN salt bytea,
    ADD COLUMN content bytea,
    ADD COLUMN hash bytea,
    -- Of a redacted entry nothing is left but what its hash and the chain are made of.
    ALTER COLUMN actor DROP NOT NULL,
    ALTER COLUMN details DROP NOT NULL;

-- Where each chain ends. Its row is what makes the writers of one chain take turns.
CREATE TABLE journal_head (
    chain  uuid PRIMARY KEY,
    number bigint NOT NULL,
    hash   bytea NOT NULL,
    sealed bigint NOT NULL DEFAULT 0        -- up to which number a checkpoint vouches for it
) WITH (fillfactor = 70);
GRANT SELECT ON journal_head TO tgd_app;
GRANT UPDATE (sealed) ON journal_head TO tgd_app;

-- Whatever a writer says of chain, number, salt and hashes is overwritten. Runs as its owner: the
-- server itself cannot set a head.
CREATE FUNCTION journal_is_chained() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    v_actor bytea := convert_to(NEW.actor, 'UTF8');
    v_rest  bytea;
    v_called text;
BEGIN
    -- Only what has taken something away may account for it.
    IF NEW.kind = 'redacted' THEN
        GET DIAGNOSTICS v_called = PG_CONTEXT;
        IF v_called !~ 'function (public\.)?journal_redact\(' THEN
            RAISE EXCEPTION 'only a redaction says so' USING ERRCODE = 'insufficient_privilege';
        END IF;
    END IF;
    NEW.chain := coalesce(NEW.alert_id, NEW.assignment_id, '00000000-0000-0000-0000-000000000000');
    NEW.salt := uuid_send(gen_random_uuid());
    NEW.content := sha256(NEW.salt || int4send(length(v_actor)) || v_actor
                          || convert_to(NEW.details::text, 'UTF8'));
    v_rest := int8send(NEW.no) || timestamptz_send(NEW.at)
           || coalesce(uuid_send(NEW.alert_id), '\x00000000000000000000000000000000')
           || coalesce(uuid_send(NEW.assignment_id), '\x00000000000000000000000000000000')
           || NEW.content || convert_to(NEW.kind, 'UTF8');
    INSERT INTO public.journal_head AS h (chain, number, hash)
    VALUES (NEW.chain, 1, sha256(decode(repeat('00', 32), 'hex') || int8send(1) || v_rest))
    ON CONFLICT (chain) DO UPDATE
        SET number = h.number + 1, hash = sha256(h.hash || int8send(h.number + 1) || v_rest)
    RETURNING h.number, h.hash INTO NEW.number, NEW.hash;
    RETURN NEW;
END $$;

-- What is there already is chained in its order; nobody writes meanwhile, as the table is locked.
DO $$
DECLARE
    v_no bigint;
BEGIN
    ALTER TABLE journal DISABLE TRIGGER journal_is_append_only;
    CREATE TRIGGER chains_what_is_there BEFORE UPDATE ON journal
        FOR EACH ROW EXECUTE FUNCTION journal_is_chained();
    FOR v_no IN SELECT no FROM journal ORDER BY no LOOP
        UPDATE journal SET number = 0 WHERE no = v_no;
    END LOOP;
    DROP TRIGGER chains_what_is_there ON journal;
    ALTER TABLE journal ENABLE TRIGGER journal_is_append_only;
END $$;

CREATE UNIQUE INDEX journal_chain ON journal (chain, number);
CREATE INDEX journal_assignment ON journal (assignment_id, no) WHERE assignment_id IS NOT NULL;
ALTER TABLE journal ADD CONSTRAINT journal_is_whole CHECK (
    chain IS NOT NULL AND number IS NOT NULL AND content IS NOT NULL AND hash IS NOT NULL
    AND (actor IS NULL) = (salt IS NULL) AND (details IS NULL) = (salt IS NULL));
CREATE TRIGGER journal_is_chained BEFORE INSERT ON journal
    FOR EACH ROW EXECUTE FUNCTION journal_is_chained();

-- The second fence, behind the rights: nothing changes what is there but journal_redact.
CREATE OR REPLACE FUNCTION journal_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    v_called text;
BEGIN
    GET DIAGNOSTICS v_called = PG_CONTEXT;
    IF TG_OP = 'UPDATE' AND TG_TABLE_NAME = 'journal' AND v_called ~ 'function (public\.)?journal_redact\(' THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'the journal is append-only' USING ERRCODE = 'insufficient_privilege';
END $$;

-- ── Redaction ───────────────────────────────────────────────────────────────────────

-- At the end of the legal term what an entry says goes, and the salt with it, without which what
-- it said cannot be tried out; its number, time, kind and hashes stay, and so does the chain.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'tgd_redactor') THEN
        CREATE ROLE tgd_redactor NOLOGIN;
    END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
    NULL;  -- another database of this cluster was migrated at the same moment
END $$;
GRANT tgd_redactor TO CURRENT_USER;

-- Redacts a chain's entries from its first on, as long as they are older than p_before; says so in
-- the same chain, and returns how many they were. Not what a criminal case holds, nor an open alert.
CREATE FUNCTION journal_redact(p_chain uuid, p_before timestamptz, p_now timestamptz, p_actor text, p_ground text)
RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE
    v_from bigint;
    v_to   bigint;
    v_done bigint;
BEGIN
    IF p_ground !~ '^[a-z0-9_]{1,64}$' THEN
        RAISE EXCEPTION 'the ground of a redaction is a code' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM FROM alert a WHERE a.id = p_chain FOR SHARE;
    IF EXISTS (SELECT FROM alert a WHERE a.id = p_chain AND a.status <> 'closed')
       OR EXISTS (SELECT FROM retention r WHERE r.alert_id = p_chain AND r.hold) THEN
        RETURN 0;
    END IF;
    PERFORM FROM journal_head h WHERE h.chain = p_chain FOR UPDATE;  -- two at once take turns
    SELECT coalesce(min(number) FILTER (WHERE at >= p_before) - 1, max(number)) INTO v_to
    FROM journal WHERE chain = p_chain;
    SELECT min(number) INTO v_from FROM journal
    WHERE chain = p_chain AND number <= v_to AND salt IS NOT NULL AND kind <> 'redacted';
    IF v_from IS NULL THEN
        RETURN 0;
    END IF;
    UPDATE journal SET actor = NULL, details = NULL, salt = NULL
    WHERE chain = p_chain AND number BETWEEN v_from AND v_to AND salt IS NOT NULL AND kind <> 'redacted';
    GET DIAGNOSTICS v_done = ROW_COUNT;
    INSERT INTO journal (at, actor, alert_id, assignment_id, kind, details)
    SELECT p_now, p_actor, j.alert_id, j.assignment_id, 'redacted',
           jsonb_build_object('from', v_from, 'to', v_to, 'entries', v_done, 'ground', p_ground)
    FROM journal j WHERE j.chain = p_chain AND j.number = v_from;
    RETURN v_done;
END $$;
REVOKE EXECUTE ON FUNCTION journal_redact FROM PUBLIC;
GRANT EXECUTE ON FUNCTION journal_redact TO tgd_redactor;

-- ── Checkpoints ─────────────────────────────────────────────────────────────────────

-- Signed statements of where the chains ended: what is cut off behind one, or taken away whole, is
-- missed. The key is elsewhere.
CREATE TABLE journal_seal (
    no         bigint PRIMARY KEY,
    statement  text NOT NULL,
    signature  bytea NOT NULL,
    public_key bytea NOT NULL
);
CREATE TABLE journal_seal_head (
    seal_no bigint NOT NULL REFERENCES journal_seal,
    chain   uuid NOT NULL,
    number  bigint NOT NULL,
    hash    bytea NOT NULL,
    PRIMARY KEY (chain, number)
);
CREATE INDEX journal_seal_heads ON journal_seal_head (seal_no, chain);
GRANT SELECT, INSERT ON journal_seal, journal_seal_head TO tgd_app;
CREATE TRIGGER journal_seal_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON journal_seal
    FOR EACH STATEMENT EXECUTE FUNCTION journal_is_append_only();
CREATE TRIGGER journal_seal_head_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON journal_seal_head
    FOR EACH STATEMENT EXECUTE FUNCTION journal_is_append_only();
