-- The TVIEW of a schema, on a server (and so in a store) of its own.
CREATE SERVER :schema FOREIGN DATA WRAPPER tview_fdw OPTIONS (map_size :'map_size');
IMPORT FOREIGN SCHEMA :schema FROM SERVER :schema INTO :schema;
