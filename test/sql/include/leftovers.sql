-- Included by the tests of DROP: what tview_fdw keeps, to see that it goes.
CREATE FUNCTION chk.leftovers(OUT triggers bigint, OUT tviews bigint, OUT sources bigint, OUT directories bigint)
LANGUAGE sql AS $$
	SELECT
		(SELECT count(*) FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid WHERE p.proname LIKE 'mark\_%'),
		(SELECT count(*) FROM tview.tviews),
		(SELECT count(*) FROM tview.sources),
		(SELECT count(*) FROM pg_ls_dir('base/' || (SELECT oid FROM pg_database WHERE datname = current_database())) d WHERE d LIKE '%tview%')
$$;
