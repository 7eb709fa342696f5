-- One document per row; these views are all that an application has to write.
CREATE VIEW app.v_maintainer AS
SELECT m.pk_maintainer, m.id,
	jsonb_build_object(
		'id', m.id,
		'name', m.name,
		'email', m.email,
		'packages', (SELECT count(*) FROM app.tb_package p
					 WHERE p.fk_maintainer = m.pk_maintainer),
		'largest', (SELECT jsonb_agg(jsonb_build_object('name', l.identifier, 'size', l.installed_size)
									 ORDER BY l.installed_size DESC, l.identifier)
					FROM (SELECT p.identifier, p.installed_size
						  FROM app.tb_package p
						  WHERE p.fk_maintainer = m.pk_maintainer
							AND p.installed_size IS NOT NULL
						  ORDER BY p.installed_size DESC, p.identifier
						  LIMIT 5) l)
	) AS data
FROM app.tb_maintainer m;

CREATE VIEW app.v_section AS
SELECT s.pk_section, s.id, s.identifier,
	jsonb_build_object(
		'id', s.id,
		'name', s.identifier,
		'packages', count(p.pk_package),
		'size', sum(p.installed_size)
	) AS data
FROM app.tb_section s
LEFT JOIN app.tb_package p ON p.fk_section = s.pk_section
GROUP BY s.pk_section;

CREATE VIEW app.v_package AS
SELECT p.pk_package, p.id, p.identifier, p.fk_maintainer, p.fk_section,
	jsonb_build_object(
		'id', p.id,
		'name', p.identifier,
		'version', p.version,
		'summary', p.summary,
		'homepage', p.homepage,
		'size', p.installed_size,
		'maintainer', jsonb_build_object('id', m.id, 'name', m.name, 'email', m.email),
		'section', jsonb_build_object('id', s.id, 'name', s.identifier),
		'dependencies', (SELECT coalesce(jsonb_agg(jsonb_build_object(
									'kind', d.kind,
									'name', t.identifier,
									'available', t.version,
									'wanted', d.version_range)
									ORDER BY d.position, d.pk_dependency), '[]')
						 FROM app.tb_dependency d
						 JOIN app.tb_package t ON t.pk_package = d.fk_target
						 WHERE d.fk_package = p.pk_package),
		'required_by', (SELECT count(*) FROM app.tb_dependency r
						WHERE r.fk_target = p.pk_package)
	) AS data
FROM app.tb_package p
JOIN app.tb_maintainer m ON m.pk_maintainer = p.fk_maintainer
JOIN app.tb_section s ON s.pk_section = p.fk_section;
