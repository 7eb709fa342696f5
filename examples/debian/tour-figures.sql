-- What the store holds, and the proof that it holds the truth.
\pset footer off
\pset null '-'
\echo
\echo '--- tview.lineage: which columns of which tables reach the documents'
SELECT tview, base_table, root, reached_by, columns FROM tview.lineage ORDER BY tview, base_table;

\echo '--- tview.cache_stats'
\x on
SELECT * FROM tview.cache_stats;

\echo '--- tview.store'
SELECT * FROM tview.store;
\x off

\echo '--- Every document against its view, both ways, under one snapshot: no difference'
SET work_mem = '256MB';
\timing on
WITH t AS MATERIALIZED (SELECT * FROM app.tv_package),
	v AS MATERIALIZED (SELECT * FROM app.v_package)
SELECT 'tv_package' AS tview, (SELECT count(*) FROM t) AS documents,
	(SELECT count(*) FROM (SELECT * FROM t EXCEPT ALL SELECT * FROM v) d) AS only_in_tview,
	(SELECT count(*) FROM (SELECT * FROM v EXCEPT ALL SELECT * FROM t) d) AS only_in_view;
WITH t AS MATERIALIZED (SELECT * FROM app.tv_maintainer),
	v AS MATERIALIZED (SELECT * FROM app.v_maintainer)
SELECT 'tv_maintainer' AS tview, (SELECT count(*) FROM t) AS documents,
	(SELECT count(*) FROM (SELECT * FROM t EXCEPT ALL SELECT * FROM v) d) AS only_in_tview,
	(SELECT count(*) FROM (SELECT * FROM v EXCEPT ALL SELECT * FROM t) d) AS only_in_view;
WITH t AS MATERIALIZED (SELECT * FROM app.tv_section),
	v AS MATERIALIZED (SELECT * FROM app.v_section)
SELECT 'tv_section' AS tview, (SELECT count(*) FROM t) AS documents,
	(SELECT count(*) FROM (SELECT * FROM t EXCEPT ALL SELECT * FROM v) d) AS only_in_tview,
	(SELECT count(*) FROM (SELECT * FROM v EXCEPT ALL SELECT * FROM t) d) AS only_in_view;
\timing off

\echo
\echo '--- tview.verify says the same of every stored row, without being given the view'
SELECT count(*) AS differences FROM tview.verify('app.tv_package');
