-- The journal is read by its chains now; this index served older versions.
DROP INDEX journal_alert;
