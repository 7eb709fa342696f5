-- Included by shapes_*: imports all views, then two that contain a TVIEW.
IMPORT FOREIGN SCHEMA app FROM SERVER tviews INTO app;
CREATE VIEW app.v_fragment AS
	SELECT k.pk_comment AS pk_fragment, k.id, k.fk_post, jsonb_build_object('body', k.body, 'post', p.data) AS data
	FROM app.tb_comment k JOIN app.tv_post p ON p.pk_post = k.fk_post;
CREATE VIEW app.v_fragments AS
	SELECT u.pk_user AS pk_fragments, u.id, u.name,
		(SELECT jsonb_agg(p.data ORDER BY p.pk_post) FROM app.tv_post p WHERE p.fk_user = u.pk_user) AS data
	FROM app.tb_user u;
IMPORT FOREIGN SCHEMA app LIMIT TO (tv_fragment, tv_fragments) FROM SERVER tviews INTO app;
SELECT chk.prepare();
