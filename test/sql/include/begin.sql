-- Included by the tests: a database without anything of tview_fdw's, then the
-- extension and a server "tviews"; nothing of it is shown.
SET client_min_messages = error;
DROP EXTENSION IF EXISTS tview_fdw CASCADE;
DROP SCHEMA IF EXISTS app CASCADE;
DROP SCHEMA IF EXISTS chk CASCADE;
CREATE EXTENSION tview_fdw;
CREATE SERVER tviews FOREIGN DATA WRAPPER tview_fdw OPTIONS (map_size '64MB');
CREATE SCHEMA app;
CREATE SCHEMA chk;
RESET client_min_messages;
