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
GRANT USAGE ON SCHEMA chk TO PUBLIC;
-- EXPLAIN ANALYZE as PostgreSQL 15 shows it: 18 counts rows with decimals, and
-- says of each node that it is not disabled
CREATE FUNCTION chk.plan(query text, options text DEFAULT '') RETURNS TABLE ("QUERY PLAN" text)
LANGUAGE plpgsql AS $$
BEGIN
	FOR "QUERY PLAN" IN EXECUTE
		'EXPLAIN (ANALYZE, BUFFERS OFF, COSTS OFF, TIMING OFF, SUMMARY OFF' || options || ') ' || query
	LOOP
		"QUERY PLAN" := regexp_replace("QUERY PLAN", '(actual rows=|Actual.Rows"?[>:] ?)(\d+)\.00', '\1\2', 'g');
		"QUERY PLAN" := regexp_replace("QUERY PLAN", '\n[^\n]*Disabled\W+false[^\n]*', '', 'g');
		RETURN NEXT;
	END LOOP;
END $$;
RESET client_min_messages;
