-- chk.look: which settings each view depends on, and how its TVIEW is read
CREATE FUNCTION chk.look() RETURNS TABLE (tview text, settings text, bypass text) LANGUAGE plpgsql AS $$
DECLARE
	doc jsonb;
BEGIN
	FOR tview, settings IN SELECT s.tview::text,
			(SELECT string_agg(regexp_replace(x, '[^a-z_].*', '', 'i'), ' ') FROM unnest(s.settings) x)
		FROM tview.status s ORDER BY 1
	LOOP
		EXECUTE 'EXPLAIN (ANALYZE, FORMAT JSON) SELECT * FROM ' || tview INTO doc;
		bypass := doc -> 0 -> 'Plan' ->> 'Bypass';
		RETURN NEXT;
	END LOOP;
END $$;
