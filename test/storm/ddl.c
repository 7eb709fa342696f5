/*
 * ddl.c
 *		Changes of definitions, for --ddl: one session at a time, so that errors
 *		are not those of two commands on one object.
 *
 * What takes no lock that a reader waits for (functions, enums, ATTACH) locks a
 * table that the view reads first: catalogs know no snapshots, and a statement
 * that was planned before and runs after it would show the view's plan of
 * before beside a TVIEW that is computed after.
 */
#include "storm.h"

#include <stdio.h>

static pthread_mutex_t ddl_lock = PTHREAD_MUTEX_INITIALIZER;

static const char *const tables[] = {"tb_company", "tb_user", "tb_post", "tb_comment", "tb_tag", "tb_event"};

/* ---- commands, to be run in a transaction or without ---- */

static bool
change_column(Session *s)
{
	const char *table = tables[pick(s, 6) - 1];

	switch (pick(s, 7))
	{
		case 1:
			return run_ddl(s, "ALTER TABLE app.%s ADD COLUMN IF NOT EXISTS extra%d int DEFAULT %d", table, pick(s, 3), pick(s, 9));
		case 2:
			return run_ddl(s, "ALTER TABLE app.%s DROP COLUMN IF EXISTS extra%d", table, pick(s, 3));
		case 3:
			return run_ddl(s, "ALTER TABLE app.%s ALTER COLUMN unused TYPE %s", tables[pick(s, 4) - 1], chance(s, 50) ? "int8" : "int4");
		case 4:
			/* the name stays, the number does not: v_misc shows the whole row */
			return run_ddl(s, "ALTER TABLE app.tb_tag DROP COLUMN spare, ADD COLUMN spare int DEFAULT %d", pick(s, 9));
		case 5:
			return run_ddl(s, "ALTER TABLE app.tb_tag ALTER COLUMN spare TYPE int8 USING spare + %d, ALTER COLUMN spare SET DEFAULT %d", pick(s, 3), pick(s, 9));
		case 6:
			return run_ddl(s, "ALTER TABLE app.tb_post ALTER COLUMN title %s NOT NULL", chance(s, 50) ? "SET" : "DROP");
		default:
			return run_ddl(s, "ALTER TABLE app.tb_tag ADD COLUMN IF NOT EXISTS wide float8 DEFAULT random()") &&
				(chance(s, 50) || run_ddl(s, "ALTER TABLE app.tb_tag DROP COLUMN wide"));
	}
}

static bool
change_view(Session *s)
{
	if (chance(s, 50))
		return run_ddl(s, "CREATE OR REPLACE VIEW app.v_company AS SELECT c.pk_company, c.id,"
					   " jsonb_build_object('id', c.id, 'name', c.name, 'country', c.country, 'v', %d,"
					   " 'users', (SELECT count(*) FROM app.tb_user u WHERE u.fk_company = c.pk_company %s)) AS data FROM app.tb_company c",
					   pick(s, 5), chance(s, 50) ? "AND u.active" : "");
	return run_ddl(s, "CREATE OR REPLACE VIEW app.v_latest AS SELECT u.pk_user AS pk_latest, u.id,"
				   " jsonb_build_object('name', u.name, 'v', %d, 'n', (SELECT max(k.body) FROM app.tb_comment k WHERE k.fk_user = u.pk_user)) AS data"
				   " FROM app.tb_user u", pick(s, 5));
}

/* In a transaction: the lock keeps readers from the middle of a statement. */
static bool
change_function(Session *s)
{
	static const char *const labels[] = {"low", "LOW"};
	int			n = pick(s, 2) - 1;

	if (!run_ddl(s, "LOCK TABLE app.tb_tag IN ACCESS EXCLUSIVE MODE"))
		return false;
	if (chance(s, 60))
		return run_ddl(s, "CREATE OR REPLACE FUNCTION app.shout(x text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS"
					   " $$ BEGIN RETURN %s; END $$", chance(s, 50) ? "upper(x)" : chance(s, 50) ? "x || '!'" : "x || '?'");
	return run_ddl(s, "DO $$ BEGIN IF EXISTS (SELECT FROM pg_enum WHERE enumtypid = 'app.grade'::regtype AND enumlabel = '%s') THEN"
				   " ALTER TYPE app.grade RENAME VALUE '%s' TO '%s'; END IF; END $$", labels[n], labels[n], labels[1 - n]);
}

/* Names of a table, its schema and a partition; views follow them. */
static bool
change_name(Session *s)
{
	bool		near = chance(s, 50);

	switch (pick(s, 3))
	{
		case 1:
			return run_ddl(s, "ALTER SCHEMA %s", chance(s, 50) ? "far RENAME TO near" : "near RENAME TO far");
		case 2:
			return run_ddl(s, "DO $$ DECLARE t regclass := (SELECT oid FROM pg_class WHERE relname = '%s');"
						   " BEGIN IF t IS NOT NULL THEN EXECUTE format('ALTER TABLE %%s RENAME TO %s', t); END IF; END $$",
						   near ? "tb_far" : "tb_near", near ? "tb_near" : "tb_far");
		default:
			return run_ddl(s, "ALTER TABLE app.tb_reading_1 SET SCHEMA tiny") &&
				run_ddl(s, "ALTER TABLE tiny.tb_reading_1 SET SCHEMA app");
	}
}

static bool
change_partition(Session *s)
{
	int			n = pick(s, 3);

	switch (pick(s, 4))
	{
		case 1:
			return run_ddl(s, "ALTER TABLE app.tb_reading DETACH PARTITION app.tb_reading_%d", n);
		case 2:
			return run_ddl(s, "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_inherits WHERE inhrelid = 'app.tb_reading_%d'::regclass) THEN"
						   " LOCK TABLE app.tb_tag IN ACCESS EXCLUSIVE MODE; DELETE FROM app.tb_reading_%d WHERE kind <> %d;"
						   " ALTER TABLE app.tb_reading ATTACH PARTITION app.tb_reading_%d FOR VALUES IN (%d); END IF; END $$", n, n, n, n, n);
		case 3:
			return run_ddl(s, "CREATE TABLE IF NOT EXISTS app.tb_reading_4 PARTITION OF app.tb_reading FOR VALUES IN (4)") &&
				run(s, "INSERT INTO app.tb_reading VALUES (%d, 4, %d)", pick(s, TAGS), pick(s, 99));
		default:
			return run_ddl(s, "DROP TABLE IF EXISTS app.tb_reading_4");
	}
}

static bool
change_index(Session *s)
{
	switch (pick(s, 3))
	{
		case 1:
			return run_ddl(s, "CREATE INDEX IF NOT EXISTS i_comment_user ON app.tb_comment (fk_user)");
		case 2:
			return run_ddl(s, "DROP INDEX IF EXISTS app.i_comment_user");
		default:
			return run_ddl(s, "ALTER TABLE app.tb_tag DROP CONSTRAINT tb_tag_pkey, ADD CONSTRAINT tb_tag_pkey PRIMARY KEY (pk_tag)");
	}
}

/* ---- triggers: writes that leave no marks ---- */

static bool
change_triggers(Session *s)
{
	static const char *const what[] = {"ALL", "USER", "ALL"};
	const char *table = tables[pick(s, 5) - 1];

	if (chance(s, 30))
	{
		/* one of ours, by its name */
		return run_ddl(s, "DO $$ DECLARE t name := (SELECT tgname FROM pg_trigger WHERE tgrelid = 'app.%s'::regclass AND tgname ~ 'tview_mark_row');"
					   " BEGIN EXECUTE format('ALTER TABLE app.%s %s TRIGGER %%I', t); END $$", table, table,
					   chance(s, 50) ? "DISABLE" : chance(s, 50) ? "ENABLE REPLICA" : "ENABLE");
	}
	return run_ddl(s, "ALTER TABLE app.%s DISABLE TRIGGER %s", table, what[pick(s, 3) - 1]);
}

static void
enable_triggers(Session *s)
{
	for (int i = 0; i < 6 && !stop; i++)
		run_ddl(s, "ALTER TABLE app.%s ENABLE TRIGGER ALL", tables[i]);
}

/* Any of them: true when it was done. */
static bool
change_something(Session *s)
{
	switch (pick(s, 12))
	{
		case 1:
		case 2:
		case 3:
			return change_column(s);
		case 4:
			return change_view(s);
		case 5:
		case 6:
			return change_name(s);
		case 7:
		case 8:
		case 9:
			return change_partition(s);
		case 10:
			return change_index(s);
		default:
			return s->in_transaction ? change_function(s) : change_partition(s);
	}
}

/* DDL among writes and reads, perhaps in a savepoint that is rolled back. */
static void
change_in_transaction(Session *s, bool triggers)
{
	bool		done;

	if (!run(s, "BEGIN"))
		return;
	s->in_transaction = true;
	s->savepoints = 0;
	if (chance(s, 30))
		write_something(s);
	if (s->in_transaction && chance(s, 40) && run(s, "SAVEPOINT s1"))
		s->savepoints = 1;
	done = s->in_transaction && (triggers ? change_triggers(s) : change_something(s));
	if (done && s->in_transaction)
		read_condition(s);
	if (done && s->in_transaction)
		write_something(s);
	if (done && s->in_transaction && triggers)
		enable_triggers(s);
	if (s->in_transaction)
		read_condition(s);
	if (s->in_transaction && s->savepoints > 0 && chance(s, 50) && run(s, "ROLLBACK TO s1"))
		read_condition(s);
	if (s->in_transaction)
		run(s, chance(s, 60) ? "COMMIT" : "ROLLBACK");
	s->in_transaction = false;
	s->savepoints = 0;
}

/* Outside of transactions, in two of its own; a time-out leaves it half done. */
static void
detach_concurrently(Session *s)
{
	int			n = pick(s, 3);

	if (!options.serial && chance(s, 50))
		run(s, "SET statement_timeout = %d", 1 + pick(s, 60));
	COUNT(detachings);
	run_ddl(s, "ALTER TABLE app.tb_reading DETACH PARTITION app.tb_reading_%d CONCURRENTLY", n);
	COUNT(detachings);
	run(s, "RESET statement_timeout");
	read_condition(s);
	if (chance(s, 70))
	{
		COUNT(detachings);
		run_ddl(s, "DO $$ DECLARE t regclass := (SELECT inhrelid FROM pg_inherits WHERE inhdetachpending); BEGIN IF t IS NOT NULL THEN"
				" EXECUTE format('ALTER TABLE app.tb_reading DETACH PARTITION %%s FINALIZE', t); END IF; END $$");
		COUNT(detachings);
	}
}

void
change_definition(Session *s)
{
	if (s->in_transaction || pthread_mutex_trylock(&ddl_lock) != 0)
		return;
	switch (pick(s, 8))
	{
		case 1:
			change_in_transaction(s, true);
			break;
		case 2:
			/* others write, and leave no marks, until somebody enables them */
			change_triggers(s);
			read_condition(s);
			if (chance(s, 70))
				enable_triggers(s);
			break;
		case 3:
			detach_concurrently(s);
			break;
		case 4:
		case 5:
			change_something(s);
			break;
		default:
			change_in_transaction(s, false);
	}
	pthread_mutex_unlock(&ddl_lock);
}
