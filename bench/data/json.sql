-- A TVIEW over the same view as that of :schema, whose document is json, on a
-- server of its own.
CREATE SCHEMA :schema_json;
CREATE SERVER :schema_json FOREIGN DATA WRAPPER tview_fdw OPTIONS (map_size :'map_size', jsonb_as_json 'on');
IMPORT FOREIGN SCHEMA :schema LIMIT TO (:tview) FROM SERVER :schema_json INTO :schema_json;
