-- Included by the tests: removes what begin.sql made, and the extension.
SET client_min_messages = error;
DROP EXTENSION tview_fdw CASCADE;
DROP SCHEMA app CASCADE;
DROP SCHEMA chk CASCADE;
RESET client_min_messages;
