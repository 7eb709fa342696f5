-- A native table that row triggers keep, as one writes them by hand.
SET search_path = trig;
CREATE FUNCTION follow_post() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF TG_OP = 'DELETE' THEN
		DELETE FROM trig.native WHERE pk_post = OLD.pk_post;
	ELSE
		INSERT INTO trig.native SELECT * FROM trig.v_post WHERE pk_post = NEW.pk_post
		ON CONFLICT (pk_post) DO UPDATE
		SET id = excluded.id, fk_author = excluded.fk_author, data = excluded.data;
	END IF;
	RETURN NULL;
END $$;
CREATE FUNCTION follow_author() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	UPDATE trig.native n SET data = v.data
	FROM trig.v_post v WHERE v.fk_author = NEW.pk_author AND n.pk_post = v.pk_post;
	RETURN NULL;
END $$;
CREATE TRIGGER follow AFTER INSERT OR UPDATE OR DELETE ON tb_post
	FOR EACH ROW EXECUTE FUNCTION follow_post();
CREATE TRIGGER follow AFTER UPDATE ON tb_author
	FOR EACH ROW EXECUTE FUNCTION follow_author();
