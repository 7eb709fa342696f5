-- Included by the tests: compares every TVIEW with its view.
-- Each comparison is one statement: both sides have the same snapshot.

-- values to look for that may exist nowhere, or no longer
CREATE TABLE chk.probe (num int, id uuid, word text);
INSERT INTO chk.probe
	SELECT n, ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid, NULL
	FROM generate_series(-1, 24) n WHERE n >= 0
	UNION ALL SELECT -1, NULL, NULL UNION ALL SELECT 1000, NULL, NULL;

-- the queries that a TVIEW is compared with: %1$s is the table or the view
CREATE FUNCTION chk.shape_queries(tview regclass, keyname text)
RETURNS TABLE (what text, query text)
LANGUAGE plpgsql AS $$
DECLARE
	k text := quote_ident(keyname);
	c record;
	probe text;
	-- json cannot be compared: rows as text then
	r text := CASE WHEN EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = tview AND a.atttypid = 'json'::regtype)
		THEN 't::text' ELSE 't.*' END;
BEGIN
	RETURN QUERY VALUES
		('scan', format('SELECT %s FROM %%1$s t', r)),
		('rows', 'SELECT t::text FROM %1$s t'),
		('count', 'SELECT count(*) FROM %1$s t'),
		('keys only', format('SELECT t.%s FROM %%1$s t', k)),
		('list', format('SELECT %s FROM %%1$s t WHERE t.%s IN (1, 2, 4, 7, 1000, -1)', r, k)),
		('array', format('SELECT %s FROM %%1$s t WHERE t.%s = ANY (ARRAY(SELECT num FROM chk.probe))', r, k)),
		('range', format('SELECT %2$s FROM %%1$s t WHERE t.%1$s > 1 AND t.%1$s <= 4', k, r)),
		('count some', format('SELECT count(*), count(*) + 1 FROM %%1$s t WHERE t.%1$s > 1 AND t.%1$s <= 4', k)),
		('count listed', format('SELECT count(*) FROM %%1$s t WHERE t.%1$s = ANY (ARRAY(SELECT num FROM chk.probe))', k)),
		('from', format('SELECT %2$s FROM %%1$s t WHERE t.%1$s >= (SELECT 3)', k, r)),
		('first', format('SELECT array_agg(s.r) FROM (SELECT t::text AS r FROM %%1$s t ORDER BY t.%s LIMIT 2) s', k)),
		('last', format('SELECT array_agg(s.r) FROM (SELECT t::text AS r FROM %%1$s t ORDER BY t.%s DESC LIMIT 2) s', k)),
		('page', format('SELECT array_agg(s.r) FROM (SELECT t::text AS r FROM %%1$s t WHERE t.%1$s < 5 ORDER BY t.%1$s DESC LIMIT 2 OFFSET 1) s', k));
	FOR c IN
		SELECT quote_ident(a.attname) AS name, a.atttypid::regtype AS type
		FROM pg_attribute a
		WHERE a.attrelid = tview AND a.attnum > 0 AND NOT a.attisdropped
			AND a.atttypid NOT IN ('jsonb'::regtype, 'json'::regtype)
		ORDER BY a.attnum
	LOOP
		probe := CASE
			WHEN c.type IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype) THEN 'num'
			WHEN c.type = 'uuid'::regtype THEN 'id'
			WHEN c.type IN ('text'::regtype, 'varchar'::regtype) THEN 'word' END;
		CONTINUE WHEN probe IS NULL;
		RETURN QUERY SELECT 'by ' || c.name, format(
			'SELECT p.%2$s AS probe, s.* FROM (SELECT DISTINCT %2$s FROM chk.probe WHERE %2$s IS NOT NULL) p,'
			' LATERAL (SELECT %3$s FROM %%1$s t WHERE t.%1$s = p.%2$s OFFSET 0) s', c.name, probe, r);
		RETURN QUERY SELECT 'count by ' || c.name, format(
			'SELECT p.%2$s AS probe, (SELECT count(*) FROM %%1$s t WHERE t.%1$s = p.%2$s) AS n'
			' FROM (SELECT DISTINCT %2$s FROM chk.probe WHERE %2$s IS NOT NULL) p', c.name, probe);
	END LOOP;
	RETURN QUERY SELECT 'by key ' || n,
		format('SELECT %s FROM %%1$s t WHERE t.%s = %s', r, k, n)
		FROM generate_series(2, 3) n;
END $$;

CREATE TABLE chk.comparison (
	n int GENERATED ALWAYS AS IDENTITY, tview text, what text, is_basic bool, query text);

-- writes the comparisons for all TVIEWs that there are, and prepares the basic
-- ones in this session
CREATE FUNCTION chk.prepare() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	c record;
BEGIN
	DEALLOCATE ALL;
	TRUNCATE chk.comparison RESTART IDENTITY;
	INSERT INTO chk.comparison (tview, what, is_basic, query)
	SELECT s.tview::text, q.what, q.what = 'scan' OR q.what LIKE 'by %' AND q.what NOT LIKE 'by key %',
		format('WITH a AS MATERIALIZED (%s), b AS MATERIALIZED (%s)'
			' SELECT count(*) FROM ((TABLE a EXCEPT ALL TABLE b) UNION ALL (TABLE b EXCEPT ALL TABLE a)) d',
			format(q.query, s.tview), format(q.query, s.view))
	FROM (SELECT tview, view, a.attname::text AS keyname
			FROM tview.status s JOIN tview.tviews m ON m.relid = s.tview
			JOIN pg_attribute a ON a.attrelid = m.relid AND a.attnum = m.key) s,
		chk.shape_queries(s.tview, s.keyname) q
	ORDER BY 1, 2;
	FOR c IN SELECT * FROM chk.comparison m WHERE m.is_basic LOOP
		EXECUTE format('PREPARE comparison_%s AS %s', c.n, c.query);
	END LOOP;
END $$;

-- Returns what differs: nothing is the right answer.  The basic comparisons
-- are prepared statements of the session, the others are planned each time.
CREATE FUNCTION chk.check_all(label text, only_basic bool DEFAULT false, pattern text DEFAULT '%')
RETURNS TABLE (moment text, tview text, what text, differences text)
LANGUAGE plpgsql AS $$
DECLARE
	c record;
	n bigint;
BEGIN
	FOR c IN SELECT * FROM chk.comparison m
		WHERE m.tview LIKE pattern AND (m.is_basic OR NOT only_basic) ORDER BY m.n
	LOOP
		BEGIN
			IF NOT only_basic THEN
				EXECUTE c.query INTO n;
			ELSE
				EXECUTE format('EXECUTE comparison_%s', c.n) INTO n;
			END IF;
			IF n <> 0 THEN
				RETURN QUERY SELECT label, c.tview, c.what, n::text;
			END IF;
		EXCEPTION WHEN OTHERS THEN
			RETURN QUERY SELECT label, c.tview, c.what, 'ERROR: ' || SQLERRM;
		END;
	END LOOP;
END $$;

-- what the views say now, to see later which of them a statement has changed
CREATE TABLE chk.contents (tview text PRIMARY KEY, hash text);

CREATE FUNCTION chk.contents_now() RETURNS TABLE (tview text, hash text)
LANGUAGE plpgsql AS $$
DECLARE
	c record;
BEGIN
	FOR c IN SELECT s.tview::text AS t, s.view::text AS v FROM tview.status s LOOP
		tview := c.t;
		EXECUTE format('SELECT md5(string_agg(v::text, '','' ORDER BY v::text)) FROM %s v', c.v) INTO hash;
		RETURN NEXT;
	END LOOP;
END $$;
