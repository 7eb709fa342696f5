-- Included by the tests: reads a key of app.tv_post that has gone, and nothing
-- else, until its mark and all others are settled: readers settle at once where
-- marks make them compute in vain.
CREATE PROCEDURE chk.settle() LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1..600 LOOP
		PERFORM FROM app.tv_post WHERE pk_post = 0;
		COMMIT;
		EXIT WHEN (SELECT s.marks_pending = 0 FROM tview.store s);
		PERFORM pg_sleep(0.05);
		COMMIT;
	END LOOP;
END $$;
