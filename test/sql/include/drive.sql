-- Included by shapes_*: runs the statements of chk.step one after the other,
-- each first in a savepoint and in a transaction that are rolled back, then
-- for good, and compares all TVIEWs with their views at every moment.  Prints
-- what differs.  chk.summary tells for each statement how many views' contents
-- it has changed, and whether the second read was served by the store alone
-- (keys without rows are computed again until their marks have settled, so
-- this is not asked after rows have gone).

CREATE TABLE chk.outcome (step int, changed int, recomputed int, bypassed int);

CREATE FUNCTION chk.misses(OUT recomputed bigint, OUT bypassed bigint) LANGUAGE sql AS
	$$ SELECT sum(c.recomputed), sum(c.bypassed) FROM tview.cache_stats c $$;

-- checks once more; what the store did not serve goes to chk.outcome
CREATE FUNCTION chk.check_second(n int, label text)
RETURNS TABLE (moment text, tview text, what text, differences text)
LANGUAGE plpgsql AS $$
DECLARE
	before record;
BEGIN
	SELECT * INTO before FROM chk.misses();
	RETURN QUERY SELECT * FROM chk.check_all(label, true);
	INSERT INTO chk.outcome
	SELECT n, (SELECT count(*) FROM chk.contents_now() c JOIN chk.contents o USING (tview) WHERE c.hash IS DISTINCT FROM o.hash),
		m.recomputed - before.recomputed, m.bypassed - before.bypassed
	FROM chk.misses() m;
	TRUNCATE chk.contents;
	INSERT INTO chk.contents SELECT * FROM chk.contents_now();
END $$;

CREATE VIEW chk.summary AS
	SELECT s.n, left(regexp_replace(s.statement, '\s+', ' ', 'g'), 72) AS statement, o.changed,
		CASE WHEN NOT EXISTS (SELECT FROM chk.step r WHERE r.n <= s.n
			AND r.statement ~ 'DELETE|TRUNCATE|SET "?pk|TACH') THEN
			o.recomputed = 0 AND o.bypassed = 0 END AS served
	FROM chk.step s LEFT JOIN chk.outcome o ON o.step = s.n ORDER BY s.n;

INSERT INTO chk.contents SELECT * FROM chk.contents_now();
ANALYZE;
SELECT chk.prepare() \g /dev/null

SET client_min_messages = error;
SELECT line FROM chk.step, LATERAL (VALUES
	(1, 'BEGIN'),
	(2, 'SAVEPOINT s'),
	(3, statement),
	(4, format('SELECT * FROM chk.check_all(%L, true)', n || ' in savepoint: ' || statement)),
	(5, 'ROLLBACK TO s'),
	(6, format('SELECT * FROM chk.check_all(%L, true)', n || ' after ROLLBACK TO: ' || statement)),
	(7, statement),
	(8, CASE n % 2 WHEN 1 THEN format('SELECT * FROM chk.check_all(%L, true)', n || ' in transaction: ' || statement) END),
	(9, 'ROLLBACK'),
	(10, format('SELECT * FROM chk.check_all(%L, true)', n || ' after ROLLBACK: ' || statement)),
	(11, statement),
	(12, format('SELECT * FROM chk.check_all(%L, %L)', n || ' after commit: ' || statement, n % 3 <> 0)),
	(13, format('SELECT * FROM chk.check_second(%s, %L)', n, n || ' second time: ' || statement))) l(i, line)
WHERE line IS NOT NULL
ORDER BY n, i
\gexec
RESET client_min_messages;
\pset format aligned
\pset tuples_only off
