-- Debian's package catalogue as trinity tables: pk_x integer is the key that
-- joins use, id uuid the one that clients know, identifier the one people read.
CREATE SCHEMA app;

CREATE TABLE app.tb_maintainer (
	pk_maintainer	integer PRIMARY KEY,
	id				uuid NOT NULL UNIQUE,
	name			text NOT NULL,
	email			text
);

CREATE TABLE app.tb_section (
	pk_section		integer PRIMARY KEY,
	id				uuid NOT NULL UNIQUE,
	identifier		text NOT NULL UNIQUE
);

CREATE TABLE app.tb_package (
	pk_package		integer PRIMARY KEY,
	id				uuid NOT NULL UNIQUE,
	identifier		text NOT NULL UNIQUE,
	fk_maintainer	integer NOT NULL REFERENCES app.tb_maintainer,
	fk_section		integer NOT NULL REFERENCES app.tb_section,
	version			text NOT NULL,
	architecture	text,
	priority		text,
	installed_size	integer,			-- KiB
	homepage		text,
	summary			text
);

-- package fk_package needs fk_target; rows of one position are alternatives
CREATE TABLE app.tb_dependency (
	pk_dependency	integer PRIMARY KEY,
	id				uuid NOT NULL UNIQUE,
	fk_package		integer NOT NULL REFERENCES app.tb_package,
	fk_target		integer NOT NULL REFERENCES app.tb_package,
	kind			text NOT NULL,
	position		integer NOT NULL,
	version_range	text
);
