-- Included by shapes_*: the tables, and a view of every shape.

CREATE FUNCTION app.uid(n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS
	$$ SELECT ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid $$;

CREATE TABLE app.tb_country (
	pk_country smallint PRIMARY KEY,
	id uuid NOT NULL UNIQUE,
	code varchar(2) NOT NULL UNIQUE,
	note text);
CREATE TABLE app.tb_user (
	pk_user int PRIMARY KEY,
	id uuid NOT NULL UNIQUE,
	name text NOT NULL,
	bio text,
	fk_country smallint REFERENCES app.tb_country ON UPDATE CASCADE ON DELETE SET NULL,
	fk_manager int REFERENCES app.tb_user ON UPDATE CASCADE ON DELETE SET NULL);
CREATE TABLE app.tb_post (
	pk_post int PRIMARY KEY,
	id uuid NOT NULL UNIQUE,
	fk_user int NOT NULL REFERENCES app.tb_user ON UPDATE CASCADE ON DELETE CASCADE,
	fk_editor int REFERENCES app.tb_user ON UPDATE CASCADE ON DELETE SET NULL,
	title text NOT NULL,
	score int,
	published bool NOT NULL DEFAULT true,
	unused text);
CREATE TABLE app.tb_comment (
	pk_comment bigint PRIMARY KEY,
	id uuid NOT NULL UNIQUE,
	fk_post int NOT NULL REFERENCES app.tb_post ON UPDATE CASCADE ON DELETE CASCADE,
	fk_user bigint REFERENCES app.tb_user ON UPDATE CASCADE ON DELETE SET NULL,
	body text,
	unused text);
CREATE TABLE app.tb_tag (pk_tag smallint PRIMARY KEY, id uuid NOT NULL UNIQUE, word text UNIQUE);
CREATE TABLE app.tb_post_tag (
	fk_post int NOT NULL REFERENCES app.tb_post ON UPDATE CASCADE ON DELETE CASCADE,
	fk_tag bigint NOT NULL REFERENCES app.tb_tag ON UPDATE CASCADE ON DELETE CASCADE,
	weight int,
	PRIMARY KEY (fk_post, fk_tag));
-- partitioned by the key: a root; partitioned by something else: a child
CREATE TABLE app.tb_event (
	pk_event int PRIMARY KEY,
	id uuid NOT NULL,
	fk_user int REFERENCES app.tb_user ON UPDATE CASCADE ON DELETE CASCADE,
	what text,
	unused text) PARTITION BY RANGE (pk_event);
CREATE TABLE app.tb_event_low PARTITION OF app.tb_event FOR VALUES FROM (MINVALUE) TO (4);
CREATE TABLE app.tb_event_high (what text, fk_user int, unused text, id uuid NOT NULL, pk_event int NOT NULL);
ALTER TABLE app.tb_event ATTACH PARTITION app.tb_event_high FOR VALUES FROM (4) TO (MAXVALUE);
CREATE TABLE app.tb_reading (
	fk_event int, kind text NOT NULL, value int) PARTITION BY LIST (kind);
CREATE TABLE app.tb_reading_hot PARTITION OF app.tb_reading FOR VALUES IN ('hot');
CREATE TABLE app.tb_reading_rest PARTITION OF app.tb_reading DEFAULT PARTITION BY RANGE (value);
CREATE TABLE app.tb_reading_small PARTITION OF app.tb_reading_rest FOR VALUES FROM (MINVALUE) TO (10);
CREATE TABLE app.tb_reading_large PARTITION OF app.tb_reading_rest FOR VALUES FROM (10) TO (MAXVALUE);
-- inheritance of the old kind
CREATE TABLE app.tb_log (fk_user int, line text);
CREATE TABLE app.tb_log_old (age int) INHERITS (app.tb_log);
-- names that need quotes
CREATE TABLE app."tb_Odd Name" (
	"pk_Odd Name" int PRIMARY KEY, "Id" uuid, "fk_Owner's" int, "select" text, "data""" text);

INSERT INTO app.tb_country SELECT n, app.uid(n), chr(64 + n) || 'X', 'n' FROM generate_series(1, 3) n;
INSERT INTO app.tb_user SELECT n, app.uid(n), 'u' || n, 'b', nullif(n % 4, 0), nullif(n / 2, 0) FROM generate_series(1, 6) n;
INSERT INTO app.tb_post SELECT n, app.uid(n), 1 + n % 4, CASE WHEN n % 3 > 0 THEN 1 + n % 5 END,
	'p' || n, n * 7 % 5, n % 4 <> 0, 'x' FROM generate_series(1, 8) n;
INSERT INTO app.tb_comment SELECT n, app.uid(n), 1 + n * 3 % 7, CASE WHEN n % 5 > 0 THEN 1 + n % 6 END,
	'c' || n, 'x' FROM generate_series(1, 12) n;
INSERT INTO app.tb_tag SELECT n, app.uid(n), 'w' || n FROM generate_series(1, 4) n;
INSERT INTO app.tb_post_tag SELECT p, t, p + t FROM generate_series(1, 8) p, generate_series(1, 4) t WHERE (p * t) % 3 = 1;
INSERT INTO app.tb_event SELECT n, app.uid(n), 1 + n % 5, 'e' || n, 'x' FROM generate_series(1, 6) n;
INSERT INTO app.tb_reading SELECT 1 + n % 6, CASE n % 3 WHEN 0 THEN 'hot' WHEN 1 THEN 'cold' ELSE 'wet' END, n FROM generate_series(1, 18) n;
INSERT INTO app.tb_log SELECT n, 'l' || n FROM generate_series(1, 4) n;
INSERT INTO app.tb_log_old SELECT n, 'o' || n, n FROM generate_series(2, 6) n;
INSERT INTO app."tb_Odd Name" SELECT n, app.uid(n), 1 + n % 3, 's' || n, 'd' || n FROM generate_series(1, 4) n;
INSERT INTO chk.probe (word) SELECT x || n FROM unnest(ARRAY['u', 'p', 'w', 'e', 's']) x, generate_series(1, 4) n;

-- ---- row tags ----

-- inner and left chains; several columns of one table
CREATE VIEW app.v_post AS
	SELECT p.pk_post, p.id, p.fk_user, p.fk_editor, p.title,
		jsonb_build_object('title', p.title, 'score', p.score,
			'author', jsonb_build_object('name', u.name, 'country', c.code),
			'editor', e.name, 'chief', m.name) AS data
	FROM app.tb_post p
	JOIN app.tb_user u ON u.pk_user = p.fk_user
	LEFT JOIN app.tb_country c ON c.pk_country = u.fk_country
	LEFT JOIN app.tb_user e ON e.pk_user = p.fk_editor
	LEFT JOIN (app.tb_user b JOIN app.tb_user m ON m.pk_user = b.fk_manager) ON b.pk_user = e.pk_user;
-- self-joins; scalar, ARRAY, EXISTS, IN
CREATE VIEW app.v_user AS
	SELECT u.pk_user, u.id, u.fk_country, u.fk_manager, u.name,
		jsonb_build_object('name', u.name, 'manager', m.name, 'top', mm.name,
			'posts', (SELECT count(*) FROM app.tb_post p WHERE p.fk_user = u.pk_user),
			'team', ARRAY(SELECT r.name FROM app.tb_user r WHERE r.fk_manager = u.pk_user ORDER BY r.pk_user),
			'edits', EXISTS (SELECT FROM app.tb_post p WHERE p.fk_editor = u.pk_user AND p.published),
			'talks', u.pk_user IN (SELECT k.fk_user FROM app.tb_comment k WHERE k.fk_user = u.pk_user AND k.body IS NOT NULL)) AS data
	FROM app.tb_user u
	LEFT JOIN app.tb_user m ON m.pk_user = u.fk_manager
	LEFT JOIN app.tb_user mm ON mm.pk_user = m.fk_manager;
-- nested plain views; an int8 column that refers to an int4 key
CREATE VIEW app.vw_person AS
	SELECT u.pk_user AS who, u.name, c.code FROM app.tb_user u LEFT JOIN app.tb_country c ON c.pk_country = u.fk_country;
CREATE VIEW app.vw_author AS
	SELECT a.who, jsonb_build_object('name', a.name, 'country', a.code) AS doc FROM app.vw_person a;
CREATE VIEW app.v_comment AS
	SELECT k.pk_comment, k.id, k.fk_post, k.fk_user,
		jsonb_build_object('body', k.body, 'by', a.doc, 'on', p.title) AS data
	FROM app.tb_comment k JOIN app.tb_post p ON p.pk_post = k.fk_post
	LEFT JOIN app.vw_author a ON a.who = k.fk_user;
-- a smallint key; lists three levels deep
CREATE VIEW app.v_country AS
	SELECT c.pk_country, c.id, c.code,
		jsonb_build_object('code', c.code, 'users', coalesce((
			SELECT jsonb_agg(jsonb_build_object('name', u.name, 'posts', (
				SELECT jsonb_agg(jsonb_build_object('title', p.title, 'comments', (
					SELECT jsonb_agg(k.body ORDER BY k.pk_comment) FROM app.tb_comment k WHERE k.fk_post = p.pk_post))
					ORDER BY p.pk_post)
				FROM app.tb_post p WHERE p.fk_user = u.pk_user AND p.published))
				ORDER BY u.pk_user)
			FROM app.tb_user u WHERE u.fk_country = c.pk_country), '[]')) AS data
	FROM app.tb_country c;
-- m:n through a link table, as an object and from the other side
CREATE VIEW app.v_tagged AS
	SELECT p.pk_post AS pk_tagged, p.id,
		(SELECT jsonb_object_agg(t.word, l.weight ORDER BY t.word)
		 FROM app.tb_post_tag l JOIN app.tb_tag t ON t.pk_tag = l.fk_tag WHERE l.fk_post = p.pk_post) AS data
	FROM app.tb_post p;
CREATE VIEW app.v_tag AS
	SELECT t.pk_tag, t.id, t.word,
		jsonb_build_object('word', t.word, 'posts', ARRAY(
			SELECT p.title FROM app.tb_post_tag l, app.tb_post p
			WHERE p.pk_post = l.fk_post AND l.fk_tag = t.pk_tag AND l.weight > 2 ORDER BY p.pk_post)) AS data
	FROM app.tb_tag t;
-- GROUP BY the key, FILTER, HAVING
CREATE VIEW app.v_stat AS
	SELECT p.pk_post AS pk_stat, p.id, p.fk_user,
		jsonb_build_object('title', p.title, 'n', count(k.pk_comment),
			'named', count(*) FILTER (WHERE u.name IS NOT NULL), 'last', max(k.body)) AS data
	FROM app.tb_post p
	LEFT JOIN app.tb_comment k ON k.fk_post = p.pk_post
	LEFT JOIN app.tb_user u ON u.pk_user = k.fk_user
	GROUP BY p.pk_post
	HAVING count(k.pk_comment) <> 2;
-- LATERAL with ORDER BY and LIMIT
CREATE VIEW app.v_latest AS
	SELECT u.pk_user AS pk_latest, u.id, l.pk_post AS last_post,
		jsonb_build_object('name', u.name, 'last', l.title, 'says', k.body) AS data
	FROM app.tb_user u
	LEFT JOIN LATERAL (SELECT p.pk_post, p.title FROM app.tb_post p WHERE p.fk_user = u.pk_user
		ORDER BY p.score DESC NULLS LAST, p.pk_post DESC LIMIT 1) l ON true
	LEFT JOIN LATERAL (SELECT k.body FROM app.tb_comment k WHERE k.fk_post = l.pk_post
		ORDER BY k.pk_comment DESC LIMIT 1) k ON true;
-- WHERE on the root's and on joined columns
CREATE VIEW app.v_pub AS
	SELECT p.pk_post AS pk_pub, p.id, p.fk_user, jsonb_build_object('title', p.title, 'by', u.name) AS data
	FROM app.tb_post p, app.tb_user u, app.tb_country c
	WHERE u.pk_user = p.fk_user AND c.pk_country = u.fk_country
		AND p.published AND u.name <> 'ghost' AND c.code <> 'ZZ';
-- rows that exist because others do not
CREATE VIEW app.v_lonely AS
	SELECT u.pk_user AS pk_lonely, u.id, jsonb_build_object('name', u.name) AS data
	FROM app.tb_user u
	WHERE NOT EXISTS (SELECT FROM app.tb_comment k WHERE k.fk_user = u.pk_user AND k.body <> '')
		OR u.pk_user NOT IN (SELECT p.fk_user FROM app.tb_post p WHERE p.fk_user = u.pk_user);
-- partitioned tables: the root, and a list of two levels of partitions
CREATE VIEW app.v_event AS
	SELECT e.pk_event, e.id, e.fk_user,
		jsonb_build_object('what', e.what, 'user', u.name, 'values', ARRAY(
			SELECT r.value FROM app.tb_reading r WHERE r.fk_event = e.pk_event ORDER BY r.value),
			'hot', (SELECT sum(r.value) FROM app.tb_reading r WHERE r.fk_event = e.pk_event AND r.kind = 'hot')) AS data
	FROM app.tb_event e LEFT JOIN app.tb_user u ON u.pk_user = e.fk_user;
-- inheritance, a RIGHT JOIN, USING
CREATE VIEW app.v_logged AS
	SELECT p.pk_post AS pk_logged, p.id, jsonb_build_object('title', p.title, 'log', (
		SELECT jsonb_agg(l.line ORDER BY l.line) FROM app.tb_log l JOIN app.tb_user x ON x.pk_user = l.fk_user
		WHERE l.fk_user = p.fk_user), 'only', (SELECT min(l.line) FROM ONLY app.tb_log l WHERE l.fk_user = p.fk_user),
		'name', u.name) AS data
	FROM app.tb_user u RIGHT JOIN app.tb_post p ON p.fk_user = u.pk_user;
-- one stored document inside another, and a list of them
CREATE VIEW app.v_odd AS
	SELECT o."pk_Odd Name" AS pk_odd, o."Id", o."fk_Owner's", o."select",
		jsonb_build_object('d', o."data""", 'owner', u.name) AS "Data"
	FROM app."tb_Odd Name" o LEFT JOIN app.tb_user u ON u.pk_user = o."fk_Owner's";
CREATE VIEW app."v_Odd Name" AS
	SELECT o."pk_Odd Name", o."select", o."fk_Owner's" AS "Owner", to_jsonb(o) AS "Data, too" FROM app."tb_Odd Name" o;
CREATE VIEW app.v_sixty_characters_long_name_of_a_view_that_is_at_the_very_lim AS
	SELECT t.pk_tag AS pk_sixty_characters_long_name_of_a_view_that_is_at_the_very_lim, t.id, t.word FROM app.tb_tag t;
-- an expression of columns leads to the joined row; a constant one does, too
CREATE VIEW app.v_expr AS
	SELECT p.pk_post AS pk_expr, p.id, jsonb_build_object('who', u.name, 'first', f.name, 'tag', t.word) AS data
	FROM app.tb_post p
	LEFT JOIN app.tb_user u ON u.pk_user = coalesce(p.fk_editor, p.fk_user)
	LEFT JOIN app.tb_user f ON f.pk_user = 1
	LEFT JOIN app.tb_tag t ON t.word = 'w' || p.score;
-- set-returning functions, VALUES, a CTE used once
CREATE VIEW app.v_func AS
	WITH k AS (SELECT k.fk_post, count(*) AS n FROM app.tb_comment k GROUP BY k.fk_post)
	SELECT p.pk_post AS pk_func, p.id, jsonb_build_object('n', k.n, 'chars', (
		SELECT array_agg(c.x ORDER BY c.i) FROM unnest(string_to_array(p.title, NULL)) WITH ORDINALITY c(x, i)),
		'grade', (SELECT g.name FROM (VALUES (0, 'low'), (3, 'high')) g(score, name) WHERE g.score = p.score)) AS data
	FROM app.tb_post p LEFT JOIN k ON k.fk_post = p.pk_post;

-- ---- relation tags ----

CREATE VIEW app.v_window AS
	SELECT w.pk_post AS pk_window, w.id, w.fk_user, jsonb_build_object('rank', w.r, 'title', w.title) AS data
	FROM (SELECT p.*, rank() OVER (PARTITION BY p.fk_user ORDER BY p.score DESC NULLS LAST) AS r FROM app.tb_post p) w;
CREATE VIEW app.v_distinct AS
	SELECT DISTINCT u.pk_user AS pk_distinct, u.id, u.name
	FROM app.tb_user u JOIN app.tb_comment k ON k.fk_user = u.pk_user;
CREATE VIEW app.v_first AS
	SELECT DISTINCT ON (p.fk_user) p.pk_post AS pk_first, p.id, p.fk_user, jsonb_build_object('title', p.title) AS data
	FROM app.tb_post p ORDER BY p.fk_user, p.score DESC NULLS LAST, p.pk_post;
CREATE VIEW app.v_union AS
	SELECT u.pk_user AS pk_union, u.id, jsonb_build_object('does', (
		SELECT jsonb_agg(a.x ORDER BY a.x) FROM (
			SELECT p.title AS x, p.fk_user AS who FROM app.tb_post p
			UNION SELECT k.body, k.fk_user FROM app.tb_comment k
			EXCEPT SELECT l.line, l.fk_user FROM app.tb_log l) a WHERE a.who = u.pk_user)) AS data
	FROM app.tb_user u;
CREATE VIEW app.v_chain AS
	SELECT u.pk_user AS pk_chain, u.id, jsonb_build_object('chain', (
		WITH RECURSIVE up(pk, n) AS (
			SELECT u.pk_user, 0
			UNION ALL SELECT m.fk_manager, up.n + 1 FROM up JOIN app.tb_user m ON m.pk_user = up.pk
			WHERE m.fk_manager IS NOT NULL AND up.n < 9)
		SELECT jsonb_agg(x.name ORDER BY up.n) FROM up JOIN app.tb_user x ON x.pk_user = up.pk)) AS data
	FROM app.tb_user u;
CREATE VIEW app.v_better AS
	SELECT p.pk_post AS pk_better, p.id, jsonb_build_object('better', ARRAY(
		SELECT q.title FROM app.tb_post q WHERE q.score > p.score ORDER BY q.pk_post)) AS data
	FROM app.tb_post p;
CREATE VIEW app.v_share AS
	SELECT p.pk_post AS pk_share, p.id, jsonb_build_object('of', (SELECT sum(q.score) FROM app.tb_post q), 'score', p.score,
		'tags', (SELECT string_agg(t.word, ',' ORDER BY t.word) FROM app.tb_tag t)) AS data
	FROM app.tb_post p WHERE p.score < (SELECT max(q.score) FROM app.tb_post q);
CREATE VIEW app.v_full AS
	SELECT u.pk_user AS pk_full, u.id, jsonb_build_object('u', u.name, 'c', count(c.pk_country)) AS data
	FROM app.tb_user u LEFT JOIN (app.tb_country c FULL JOIN app.tb_tag t ON t.pk_tag = c.pk_country) ON c.pk_country = u.fk_country
	GROUP BY u.pk_user;
