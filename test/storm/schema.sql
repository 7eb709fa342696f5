-- The storm's schema: every shape of view that row tags cover, and those that
-- relation tags cover, over small key domains, so that sessions collide.
-- Lists are ordered and picks are total: the views are deterministic.
CREATE SCHEMA app;
CREATE SCHEMA tiny;
SET search_path = app, public;

CREATE TABLE tb_company (
	pk_company int2 PRIMARY KEY, id uuid NOT NULL UNIQUE,
	name text, country text, unused int);
CREATE TABLE tb_user (
	pk_user int4 PRIMARY KEY, id uuid NOT NULL UNIQUE,
	fk_company int2, fk_manager int4, identifier text,
	name text, email varchar(40), active bool DEFAULT true, unused int);
CREATE TABLE tb_post (
	pk_post int4 PRIMARY KEY, id uuid NOT NULL UNIQUE,
	fk_user int4, title text, body text, published bool DEFAULT true,
	score numeric, created timestamptz DEFAULT '2026-01-01', unused int);
-- real foreign keys with cascades here, none elsewhere: fk_* may dangle
CREATE TABLE tb_comment (
	pk_comment int8 PRIMARY KEY, id uuid NOT NULL,
	fk_post int4 REFERENCES tb_post ON DELETE CASCADE ON UPDATE CASCADE,
	fk_user int8, fk_parent int8, body text, likes int DEFAULT 0, unused int);
CREATE TABLE tb_tag (
	pk_tag int2 PRIMARY KEY, id uuid NOT NULL UNIQUE, label text);
CREATE TABLE tb_post_tag (
	fk_post int8, fk_tag int4, pos int, PRIMARY KEY (fk_post, fk_tag));
CREATE TABLE tb_event (
	pk_event int8 PRIMARY KEY, id uuid NOT NULL,
	fk_user int8, kind int2, payload text) PARTITION BY RANGE (pk_event);
CREATE TABLE tb_event_1 PARTITION OF tb_event FOR VALUES FROM (MINVALUE) TO (21);
-- columns in another order than the parent's
CREATE TABLE tb_event_2 (payload text, unused int, kind int2, fk_user int8, id uuid NOT NULL, pk_event int8 NOT NULL);
ALTER TABLE tb_event_2 DROP COLUMN unused;
ALTER TABLE tb_event ATTACH PARTITION tb_event_2 FOR VALUES FROM (21) TO (41);
CREATE TABLE tb_event_3 PARTITION OF tb_event DEFAULT;
CREATE TABLE tb_setting (name text PRIMARY KEY, value int);
CREATE INDEX ON tb_user (fk_company);
CREATE INDEX ON tb_post (fk_user);
CREATE INDEX ON tb_comment (fk_post);
CREATE INDEX ON tb_post_tag (fk_tag);

CREATE FUNCTION uid(kind int, n bigint) RETURNS uuid IMMUTABLE STRICT LANGUAGE sql AS
	$$ SELECT (lpad(to_hex(kind), 8, '0') || lpad(to_hex(n), 24, '0'))::uuid $$;

-- correlated count over the root alone; int2 key met by an int2 column
CREATE VIEW v_company AS
SELECT c.pk_company, c.id,
	   jsonb_build_object('id', c.id, 'name', c.name, 'country', c.country,
		   'users', (SELECT count(*) FROM tb_user u WHERE u.fk_company = c.pk_company AND u.active)) AS data
FROM tb_company c;

-- left joins, a self-join, a varchar, a text column to look up by
CREATE VIEW v_user AS
SELECT u.pk_user, u.id, u.fk_company, u.fk_manager, u.identifier, u.email,
	   jsonb_build_object('id', u.id, 'name', u.name, 'active', u.active,
		   'company', CASE WHEN c.pk_company IS NOT NULL
					  THEN jsonb_build_object('id', c.id, 'name', c.name) END,
		   'manager', m.name) AS data
FROM tb_user u
LEFT JOIN tb_company c ON c.pk_company = u.fk_company
LEFT JOIN tb_user m ON m.pk_user = u.fk_manager;

-- inner and left joins, ordered list with a join inside, m:n, EXISTS, ARRAY
CREATE VIEW v_post AS
SELECT p.pk_post, p.id, p.fk_user, p.published,
	   jsonb_build_object('id', p.id, 'title', p.title, 'score', p.score, 'len', length(p.body),
		   'author', jsonb_build_object('name', u.name, 'company', c.name),
		   'comments', COALESCE((
			   SELECT jsonb_agg(jsonb_build_object('id', k.id, 'body', k.body, 'likes', k.likes, 'by', ku.name)
								ORDER BY k.pk_comment)
			   FROM tb_comment k LEFT JOIN tb_user ku ON ku.pk_user = k.fk_user
			   WHERE k.fk_post = p.pk_post), '[]'),
		   'tags', ARRAY(SELECT t.label FROM tb_post_tag pt JOIN tb_tag t ON t.pk_tag = pt.fk_tag
						 WHERE pt.fk_post = p.pk_post ORDER BY pt.pos, t.pk_tag),
		   'liked', EXISTS (SELECT 1 FROM tb_comment k WHERE k.fk_post = p.pk_post AND k.likes > 5)) AS data
FROM tb_post p
JOIN tb_user u ON u.pk_user = p.fk_user
LEFT JOIN tb_company c ON c.pk_company = u.fk_company;

-- filters on root and joined columns: rows come and go; int8 key
CREATE VIEW v_comment AS
SELECT k.pk_comment, k.id, k.fk_post, k.fk_user,
	   jsonb_build_object('body', k.body, 'likes', k.likes, 'post', p.title, 'by', u.name) AS data
FROM tb_comment k
JOIN tb_post p ON p.pk_post = k.fk_post
LEFT JOIN tb_user u ON u.pk_user = k.fk_user
WHERE p.published AND k.likes < 9 AND u.active IS NOT FALSE;

-- an ordinary view inside
CREATE VIEW author_card AS
SELECT u.pk_user AS n, jsonb_build_object('name', u.name, 'company', c.name,
	(SELECT count(*) FROM tb_post p WHERE p.fk_user = u.pk_user)::text, u.active) AS card
FROM tb_user u JOIN tb_company c ON c.pk_company = u.fk_company;
CREATE VIEW v_card AS
SELECT p.pk_post AS pk_card, p.id, p.fk_user,
	   jsonb_build_object('title', p.title, 'card', a.card) AS data
FROM tb_post p LEFT JOIN author_card a ON a.n = p.fk_user;

-- GROUP BY the root's key, FILTER, HAVING
CREATE VIEW v_stat AS
SELECT u.pk_user AS pk_stat, u.id, u.fk_company,
	   jsonb_build_object('posts', count(DISTINCT p.pk_post), 'published', count(*) FILTER (WHERE p.published),
		   'likes', sum(k.likes), 'best', max(p.score)) AS data
FROM tb_user u
LEFT JOIN tb_post p ON p.fk_user = u.pk_user
LEFT JOIN tb_comment k ON k.fk_post = p.pk_post
GROUP BY u.pk_user
HAVING count(p.pk_post) > 0;

-- a window: relation tags
CREATE VIEW v_rank AS
SELECT p.pk_post AS pk_rank, p.id, p.fk_user,
	   jsonb_build_object('title', p.title, 'rank', p.r) AS data
FROM (SELECT pk_post, id, fk_user, title,
			 row_number() OVER (ORDER BY score DESC NULLS LAST, pk_post) AS r FROM tb_post) p;

-- DISTINCT and UNION in subqueries
CREATE VIEW v_tag AS
SELECT t.pk_tag, t.id,
	   jsonb_build_object('label', t.label,
		   'authors', (SELECT jsonb_agg(d.fk_user ORDER BY d.fk_user)
					   FROM (SELECT DISTINCT p.fk_user FROM tb_post_tag pt JOIN tb_post p ON p.pk_post = pt.fk_post
							 WHERE pt.fk_tag = t.pk_tag) d),
		   'words', (SELECT jsonb_agg(w.x ORDER BY w.x)
					 FROM (SELECT name AS x FROM tb_company UNION SELECT label FROM tb_tag) w)) AS data
FROM tb_tag t;

-- a partitioned root; int8 = int4
CREATE VIEW v_event AS
SELECT e.pk_event, e.id, e.fk_user, e.kind,
	   jsonb_build_object('payload', e.payload, 'user', u.name, 'company', c.name) AS data
FROM tb_event e
LEFT JOIN tb_user u ON u.pk_user = e.fk_user
LEFT JOIN tb_company c ON c.pk_company = u.fk_company;

-- LATERAL with ORDER BY and LIMIT
CREATE VIEW v_latest AS
SELECT u.pk_user AS pk_latest, u.id,
	   jsonb_build_object('name', u.name, 'top', l.title, 'n', l.n) AS data
FROM tb_user u
LEFT JOIN LATERAL (SELECT p.title, (SELECT count(*) FROM tb_comment k WHERE k.fk_post = p.pk_post) AS n
				   FROM tb_post p WHERE p.fk_user = u.pk_user AND p.published
				   ORDER BY p.score DESC NULLS LAST, p.pk_post LIMIT 1) l ON true;

-- lists within lists within lists
CREATE VIEW v_doc AS
SELECT c.pk_company AS pk_doc, c.id,
	   jsonb_build_object('name', c.name, 'users', (
		   SELECT jsonb_agg(jsonb_build_object('name', u.name, 'posts', (
			   SELECT jsonb_agg(jsonb_build_object('title', p.title, 'comments', (
				   SELECT jsonb_agg(k.body ORDER BY k.pk_comment)
				   FROM tb_comment k WHERE k.fk_post = p.pk_post)) ORDER BY p.pk_post)
			   FROM tb_post p WHERE p.fk_user = u.pk_user AND p.published)) ORDER BY u.pk_user)
		   FROM tb_user u WHERE u.fk_company = c.pk_company)) AS data
FROM tb_company c;

-- a self-join with children and parent
CREATE VIEW v_thread AS
SELECT k.pk_comment AS pk_thread, k.id, k.fk_parent,
	   jsonb_build_object('body', k.body, 'parent', q.body,
		   'replies', (SELECT jsonb_object_agg(r.pk_comment, r.body ORDER BY r.pk_comment) FROM tb_comment r WHERE r.fk_parent = k.pk_comment)) AS data
FROM tb_comment k LEFT JOIN tb_comment q ON q.pk_comment = k.fk_parent;

-- a join that is no equality; an uncorrelated subquery; IN
CREATE VIEW v_near AS
SELECT p.pk_post AS pk_near, p.id, p.fk_user,
	   jsonb_build_object('title', p.title,
		   'better', (SELECT count(*) FROM tb_post q WHERE q.score > p.score),
		   'limit', (SELECT max(value) FROM tb_setting),
		   'staff', p.fk_user IN (SELECT u.pk_user FROM tb_user u WHERE u.fk_company = 1)) AS data
FROM tb_post p;

-- a recursive walk
CREATE VIEW v_chain AS
SELECT u.pk_user AS pk_chain, u.id,
	   jsonb_build_object('name', u.name, 'bosses', (
		   WITH RECURSIVE up AS (
			   SELECT u.fk_manager AS m, 1 AS d
			   UNION ALL SELECT b.fk_manager, up.d + 1 FROM up JOIN tb_user b ON b.pk_user = up.m WHERE up.d < 4)
		   SELECT jsonb_agg(up.m ORDER BY up.d) FROM up)) AS data
FROM tb_user u;

-- chains of inner joins with a condition on the far end, key not first
CREATE VIEW v_local AS
SELECT jsonb_build_object('title', p.title, 'country', c.country) AS data, c.country, p.id, p.fk_user, p.pk_post AS pk_local
FROM tb_company c JOIN tb_user u ON u.fk_company = c.pk_company JOIN tb_post p ON p.fk_user = u.pk_user
WHERE c.country <> 'nowhere' AND p.score >= 3;

-- what --ddl changes: a function, an enum, columns of a whole row, partitions, names
CREATE TYPE grade AS ENUM ('low', 'middle', 'high');
CREATE FUNCTION shout(x text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN x || '!'; END $$;
ALTER TABLE tb_tag ADD COLUMN grade grade DEFAULT 'low', ADD COLUMN spare int DEFAULT 1;
CREATE TABLE tb_reading (fk_tag int4, kind int2 NOT NULL, value int) PARTITION BY LIST (kind);
CREATE TABLE tb_reading_1 PARTITION OF tb_reading FOR VALUES IN (1);
CREATE TABLE tb_reading_2 (value int, kind int2 NOT NULL CHECK (kind = 2), fk_tag int4);
ALTER TABLE tb_reading ATTACH PARTITION tb_reading_2 FOR VALUES IN (2);
CREATE TABLE tb_reading_3 PARTITION OF tb_reading FOR VALUES IN (3);
CREATE SCHEMA far;
CREATE TABLE far.tb_far (fk_tag int2, note text);
CREATE VIEW far AS SELECT fk_tag, note FROM far.tb_far;
CREATE VIEW v_misc AS
SELECT t.pk_tag AS pk_misc, t.id,
	   jsonb_build_object('row', to_jsonb(t), 'label', shout(t.label), 'grade', t.grade,
		   'note', (SELECT max(f.note) FROM far.tb_far f WHERE f.fk_tag = t.pk_tag),
		   'readings', (SELECT jsonb_agg(r.value ORDER BY r.kind, r.value) FROM tb_reading r WHERE r.fk_tag = t.pk_tag)) AS data
FROM tb_tag t;

INSERT INTO tb_company SELECT n, uid(1, n), 'company ' || n, (ARRAY['de','fr','nowhere'])[1 + n % 3] FROM generate_series(1, 6) n;
INSERT INTO tb_user SELECT n, uid(2, n), 1 + n % 8, nullif(n % 9, 0), 'u' || n, 'user ' || n, 'u' || n || '@x', n % 5 <> 0 FROM generate_series(1, 16) n;
INSERT INTO tb_post SELECT n, uid(3, n), 1 + n % 20, 'post ' || n, repeat('x', n), n % 4 <> 0, n % 11 FROM generate_series(1, 45) n;
INSERT INTO tb_comment SELECT n, uid(4, n), 1 + n % 45, 1 + n % 20, nullif(n % 50, 0), 'comment ' || n, n % 10 FROM generate_series(1, 110) n;
INSERT INTO tb_tag SELECT n, uid(5, n), 'tag ' || n FROM generate_series(1, 8) n;
INSERT INTO tb_post_tag SELECT n % 60 + 1, n % 10 + 1, n % 7 FROM generate_series(1, 90) n ON CONFLICT DO NOTHING;
INSERT INTO tb_event SELECT n, uid(6, n % 45), 1 + n % 20, n % 4, 'event ' || n FROM generate_series(1, 45) n;
INSERT INTO tb_reading SELECT 1 + n % 10, 1 + n % 3, n FROM generate_series(1, 40) n;
INSERT INTO far.tb_far SELECT n, 'note ' || n FROM generate_series(1, 10) n;
INSERT INTO tb_setting VALUES ('a', 1), ('b', 2);
ANALYZE;

-- with -v control=1 the tv_* are plain views: what errors are there anyway?
\if :{?control}
SELECT format('CREATE VIEW %1$s.tv_%2$s AS SELECT * FROM app.v_%2$s', s, substr(c.relname, 3))
FROM pg_class c, unnest(ARRAY['app', 'tiny']) s
WHERE c.relnamespace = 'app'::regnamespace AND c.relname LIKE 'v\_%' \gexec
\else
CREATE EXTENSION tview_fdw;
CREATE SERVER roomy FOREIGN DATA WRAPPER tview_fdw OPTIONS (map_size '64MB');
CREATE SERVER tiny FOREIGN DATA WRAPPER tview_fdw OPTIONS (map_size '1MB', mark_log_size '64kB', jsonb_as_json 'on');
IMPORT FOREIGN SCHEMA app FROM SERVER roomy INTO app;
IMPORT FOREIGN SCHEMA app FROM SERVER tiny INTO tiny;
\endif

-- documents that read documents: tv_* inside, one and two levels deep
CREATE VIEW v_feed AS
SELECT p.pk_post AS pk_feed, p.id, p.fk_user,
	   jsonb_build_object('title', p.title, 'author', t.data) AS data
FROM tb_post p LEFT JOIN tv_user t ON t.pk_user = p.fk_user;
\if :{?control}
CREATE VIEW app.tv_feed AS SELECT * FROM v_feed;
CREATE VIEW tiny.tv_feed AS SELECT * FROM v_feed;
\else
IMPORT FOREIGN SCHEMA app LIMIT TO (tv_feed) FROM SERVER roomy INTO app;
IMPORT FOREIGN SCHEMA app LIMIT TO (tv_feed) FROM SERVER tiny INTO tiny;
\endif
CREATE VIEW v_deep AS
SELECT k.pk_comment AS pk_deep, k.id, k.fk_post,
	   jsonb_build_object('body', k.body, 'feed', f.data,
		   'latest', (SELECT jsonb_agg(l.data ORDER BY l.pk_latest) FROM tiny.tv_latest l WHERE l.pk_latest = k.fk_user)) AS data
FROM tb_comment k JOIN tv_feed f ON f.pk_feed = k.fk_post;
\if :{?control}
CREATE VIEW app.tv_deep AS SELECT * FROM v_deep;
CREATE VIEW tiny.tv_deep AS SELECT * FROM v_deep;
\else
IMPORT FOREIGN SCHEMA app LIMIT TO (tv_deep) FROM SERVER roomy INTO app;
IMPORT FOREIGN SCHEMA app LIMIT TO (tv_deep) FROM SERVER tiny INTO tiny;
\endif

-- The oracle of the nested ones reads no tv_*.
CREATE SCHEMA oracle;
CREATE VIEW oracle.v_feed AS
SELECT p.pk_post AS pk_feed, p.id, p.fk_user,
	   jsonb_build_object('title', p.title, 'author', t.data) AS data
FROM tb_post p LEFT JOIN v_user t ON t.pk_user = p.fk_user;
CREATE VIEW oracle.v_deep AS
SELECT k.pk_comment AS pk_deep, k.id, k.fk_post,
	   jsonb_build_object('body', k.body, 'feed', f.data,
		   'latest', (SELECT jsonb_agg(l.data ORDER BY l.pk_latest) FROM v_latest l WHERE l.pk_latest = k.fk_user)) AS data
FROM tb_comment k JOIN oracle.v_feed f ON f.pk_feed = k.fk_post;

-- Under REPEATABLE READ a transaction may take over a key whose row another has
-- deleted since, and then sees both rows.  What a view says then depends on its
-- plan, and proves nothing.
CREATE FUNCTION doubled_keys() RETURNS text STABLE LANGUAGE sql AS $$
	SELECT string_agg(t, ' ') FROM (
		SELECT 'company' AS t FROM app.tb_company GROUP BY pk_company HAVING count(*) > 1
		UNION ALL SELECT 'company id' FROM app.tb_company GROUP BY id HAVING count(*) > 1
		UNION ALL SELECT 'user' FROM app.tb_user GROUP BY pk_user HAVING count(*) > 1
		UNION ALL SELECT 'user id' FROM app.tb_user GROUP BY id HAVING count(*) > 1
		UNION ALL SELECT 'post' FROM app.tb_post GROUP BY pk_post HAVING count(*) > 1
		UNION ALL SELECT 'post id' FROM app.tb_post GROUP BY id HAVING count(*) > 1
		UNION ALL SELECT 'comment' FROM app.tb_comment GROUP BY pk_comment HAVING count(*) > 1
		UNION ALL SELECT 'tag' FROM app.tb_tag GROUP BY pk_tag HAVING count(*) > 1
		UNION ALL SELECT 'tag id' FROM app.tb_tag GROUP BY id HAVING count(*) > 1
		UNION ALL SELECT 'post_tag' FROM app.tb_post_tag GROUP BY fk_post, fk_tag HAVING count(*) > 1
		UNION ALL SELECT 'event' FROM app.tb_event GROUP BY pk_event HAVING count(*) > 1) d
$$;

-- A trigger function that reads: during statements, cascades and the commit.
-- Sessions switch it on with storm.trigger = 'on'.
CREATE FUNCTION check_inside() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
	bad text;
	post int := COALESCE(NEW.fk_post, OLD.fk_post);
BEGIN
	IF current_setting('storm.trigger', true) = 'on' THEN
		SELECT string_agg(x, E'\n') INTO bad FROM (
			SELECT sum(w) || ' ' || x AS x FROM (
				SELECT 1 AS w, t::text AS x FROM app.tv_post t WHERE pk_post = post
				UNION ALL SELECT -1, t::text FROM app.v_post t WHERE pk_post = post
				UNION ALL SELECT 1, t::text FROM tiny.tv_post t
				UNION ALL SELECT -1, t::text FROM app.v_post t
				UNION ALL SELECT 1, t::text FROM app.tv_comment t WHERE fk_post = post
				UNION ALL SELECT -1, t::text FROM app.v_comment t WHERE fk_post = post) u
			GROUP BY u.x HAVING sum(w) <> 0) d;
		IF bad IS NOT NULL AND app.doubled_keys() IS NULL THEN
			RAISE EXCEPTION 'mismatch in trigger % % %: %', TG_NAME, TG_OP, post, bad USING ERRCODE = 'TV001';
		END IF;
	END IF;
	RETURN COALESCE(NEW, OLD);
END $$;
CREATE TRIGGER a_check AFTER INSERT OR UPDATE OR DELETE ON tb_comment FOR EACH ROW EXECUTE FUNCTION check_inside();
CREATE TRIGGER z_check AFTER INSERT OR UPDATE OR DELETE ON tb_comment FOR EACH ROW EXECUTE FUNCTION check_inside();
CREATE TRIGGER b_check BEFORE INSERT OR UPDATE OR DELETE ON tb_comment FOR EACH ROW EXECUTE FUNCTION check_inside();
CREATE CONSTRAINT TRIGGER d_check AFTER INSERT OR UPDATE OR DELETE ON tb_comment
	DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_inside();
