-- A room's sheet: when it was last opened by its address, and since when that opens nothing.
ALTER TABLE dispatch ADD COLUMN sheet_opened_at timestamptz, ADD COLUMN sheet_revoked_at timestamptz;
