-- Everything that it takes to serve the views from the store.
\timing on
CREATE EXTENSION tview_fdw;
CREATE SERVER tviews FOREIGN DATA WRAPPER tview_fdw OPTIONS (map_size '4GB');
IMPORT FOREIGN SCHEMA app FROM SERVER tviews INTO app;
\timing off
VACUUM ANALYZE app.tb_maintainer, app.tb_section, app.tb_package, app.tb_dependency;
