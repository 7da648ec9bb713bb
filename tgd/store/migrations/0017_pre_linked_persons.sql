-- `tgd persons import` says who belongs together: it may add that, and change nothing.

GRANT INSERT ON linked_person TO tgd_app;
