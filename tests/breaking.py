"""What no rule of ours can foresee: the database refuses a row, as of a page that is damaged."""


def refuses(write: str, when: str = "true") -> str:
    """Return what makes every such write (``UPDATE ON alert``) break; to be run as the owner."""
    return f"""
        CREATE FUNCTION breaks() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION 'this row breaks' USING ERRCODE = 'data_corrupted';
        END $$;
        CREATE TRIGGER breaks BEFORE {write} FOR EACH ROW WHEN ({when}) EXECUTE FUNCTION breaks();
    """
