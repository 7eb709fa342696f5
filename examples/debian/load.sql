-- Run where parse.py left its files.  The keys to other tables are indexed: a
-- view needs them, and so does the store to recompute single documents.
\copy app.tb_maintainer FROM 'maintainer.tsv'
\copy app.tb_section FROM 'section.tsv'
\copy app.tb_package FROM 'package.tsv'
\copy app.tb_dependency FROM 'dependency.tsv'
CREATE INDEX ON app.tb_package (fk_maintainer);
CREATE INDEX ON app.tb_package (fk_section);
CREATE INDEX ON app.tb_dependency (fk_package);
CREATE INDEX ON app.tb_dependency (fk_target);
VACUUM ANALYZE app.tb_maintainer, app.tb_section, app.tb_package, app.tb_dependency;
