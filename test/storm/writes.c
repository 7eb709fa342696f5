/*
 * writes.c
 *		Writes to the base tables, and what concerns the stores.
 */
#include "storm.h"

#include <stdio.h>

/* ---- writes ---- */

static void
write_company(Session *s)
{
	int			n = pick(s, COMPANIES);

	switch (pick(s, 7))
	{
		case 1:
			run(s, "INSERT INTO app.tb_company VALUES (%d, app.uid(1, %d), 'company %d', 'de')", n, pick(s, COMPANIES), pick(s, 99));
			break;
		case 2:
			run(s, "DELETE FROM app.tb_company WHERE pk_company = %d", n);
			break;
		case 3:
			run(s, "UPDATE app.tb_company SET pk_company = %d WHERE pk_company = %d", pick(s, COMPANIES), n);
			break;
		case 4:
			run(s, "UPDATE app.tb_company SET country = '%s' WHERE pk_company = %d", chance(s, 50) ? "nowhere" : "fr", n);
			break;
		case 5:
			run(s, "UPDATE app.tb_company SET unused = unused + 1 WHERE pk_company = %d", n);
			break;
		default:
			run(s, "UPDATE app.tb_company SET name = 'renamed %d' WHERE pk_company = %d", pick(s, 99), n);
	}
}

static void
write_user(Session *s)
{
	int			n = pick(s, USERS);

	switch (pick(s, 10))
	{
		case 1:
			run(s, "INSERT INTO app.tb_user VALUES (%d, app.uid(2, %d), %d, %d, 'u%d', 'user %d', 'u@%d', %s)",
				n, pick(s, USERS), pick(s, COMPANIES), pick(s, USERS), pick(s, 30), pick(s, 99), pick(s, 9), chance(s, 80) ? "true" : "false");
			break;
		case 2:
			run(s, "DELETE FROM app.tb_user WHERE pk_user = %d", n);
			break;
		case 3:
			run(s, "UPDATE app.tb_user SET pk_user = %d WHERE pk_user = %d", pick(s, USERS), n);
			break;
		case 4:
			run(s, "UPDATE app.tb_user SET id = app.uid(2, %d) WHERE pk_user = %d", pick(s, USERS), n);
			break;
		case 5:
			run(s, "UPDATE app.tb_user SET fk_company = %s%d WHERE pk_user IN (%d, %d)",
				chance(s, 20) ? "NULL --" : "", pick(s, COMPANIES), n, pick(s, USERS));
			break;
		case 6:
			run(s, "UPDATE app.tb_user SET active = NOT active WHERE fk_company = %d", pick(s, COMPANIES));
			break;
		case 7:
			run(s, "UPDATE app.tb_user SET fk_manager = %d, unused = 3 WHERE pk_user = %d", pick(s, USERS), n);
			break;
		case 8:
			run(s, "INSERT INTO app.tb_user AS u VALUES (%d, app.uid(2, %d), %d, NULL, 'u%d', 'upsert', 'x', true)"
				" ON CONFLICT (pk_user) DO UPDATE SET name = excluded.name || u.name, identifier = excluded.identifier",
				n, pick(s, USERS), pick(s, COMPANIES), pick(s, 30));
			break;
		default:
			run(s, "UPDATE app.tb_user SET name = 'name %d' WHERE pk_user = %d", pick(s, 99), n);
	}
}

static void
write_post(Session *s)
{
	int			n = pick(s, POSTS);

	switch (pick(s, 13))
	{
		case 1:
		case 2:
			run(s, "INSERT INTO app.tb_post VALUES (%d, app.uid(3, %d), %d, 'title %d', '', %s, %d)",
				n, pick(s, POSTS), pick(s, USERS), pick(s, 99), chance(s, 70) ? "true" : "false", pick(s, 12));
			break;
		case 3:
		case 4:
			run(s, "DELETE FROM app.tb_post WHERE pk_post = %d", n);
			break;
		case 5:
			run(s, "UPDATE app.tb_post SET pk_post = %d WHERE pk_post = %d", pick(s, POSTS), n);
			break;
		case 6:
			run(s, "UPDATE app.tb_post SET id = app.uid(3, %d) WHERE pk_post = %d", pick(s, POSTS), n);
			break;
		case 7:
			run(s, "UPDATE app.tb_post SET fk_user = %d WHERE pk_post = %d", pick(s, USERS), n);
			break;
		case 8:
			run(s, "UPDATE app.tb_post SET fk_user = %d WHERE fk_user = %d", pick(s, USERS), pick(s, USERS));
			break;
		case 9:
			run(s, "UPDATE app.tb_post SET published = NOT published WHERE pk_post BETWEEN %d AND %d", n, n + pick(s, 5));
			break;
		case 10:
			run(s, "UPDATE app.tb_post SET body = (SELECT string_agg(md5(g::text), '') FROM generate_series(1, %d) g) WHERE pk_post = %d",
				pick(s, 200), n);
			break;
		case 11:
			run(s, "MERGE INTO app.tb_post p USING (VALUES (%d), (%d)) v(n) ON p.pk_post = v.n"
				" WHEN MATCHED AND p.score > 5 THEN DELETE WHEN MATCHED THEN UPDATE SET score = p.score + 2"
				" WHEN NOT MATCHED THEN INSERT (pk_post, id, fk_user, title, score) VALUES (v.n, app.uid(3, v.n), %d, 'merged', 4)",
				n, n % POSTS + 1, pick(s, USERS));
			break;
		default:
			run(s, "UPDATE app.tb_post SET title = 'title %d', score = %d WHERE pk_post = %d", pick(s, 99), pick(s, 12), n);
	}
}

static void
write_comment(Session *s)
{
	int			n = pick(s, COMMENTS);

	switch (pick(s, 11))
	{
		case 1:
		case 2:
		case 3:
			run(s, "INSERT INTO app.tb_comment VALUES (%d, app.uid(4, %d), %d, %d, %d, 'said %d', %d)",
				n, pick(s, COMMENTS), pick(s, POSTS), pick(s, USERS), pick(s, COMMENTS), pick(s, 99), pick(s, 10));
			break;
		case 4:
			run(s, "DELETE FROM app.tb_comment WHERE pk_comment = %d", n);
			break;
		case 5:
			run(s, "UPDATE app.tb_comment SET fk_post = %d WHERE pk_comment = %d", pick(s, POSTS), n);
			break;
		case 6:
			run(s, "UPDATE app.tb_comment SET pk_comment = %d, fk_parent = %d WHERE pk_comment = %d", pick(s, COMMENTS), pick(s, COMMENTS), n);
			break;
		case 7:
			run(s, "UPDATE app.tb_comment SET likes = likes + 1 WHERE fk_post = %d", pick(s, POSTS));
			break;
		case 8:
			run(s, "DELETE FROM app.tb_comment WHERE fk_post = %d", pick(s, POSTS));
			break;
		case 9:
			run(s, "INSERT INTO app.tb_comment SELECT g, app.uid(4, g), g %% %d + 1, g %% %d + 1, NULL, 'bulk', g %% 10"
				" FROM generate_series(%d, %d) g ON CONFLICT DO NOTHING",
				pick(s, POSTS), pick(s, USERS), n, n + pick(s, 20));
			break;
		default:
			run(s, "UPDATE app.tb_comment SET body = 'said %d', id = app.uid(4, %d) WHERE pk_comment = %d", pick(s, 99), pick(s, COMMENTS), n);
	}
}

static void
write_tag(Session *s)
{
	int			n = pick(s, TAGS);

	switch (pick(s, 8))
	{
		case 1:
			run(s, "INSERT INTO app.tb_tag VALUES (%d, app.uid(5, %d), 'tag %d')", n, pick(s, TAGS), pick(s, 99));
			break;
		case 2:
			run(s, "DELETE FROM app.tb_tag WHERE pk_tag = %d", n);
			break;
		case 3:
			run(s, "UPDATE app.tb_tag SET label = 'label %d' WHERE pk_tag = %d", pick(s, 99), n);
			break;
		case 4:
		case 5:
			run(s, "INSERT INTO app.tb_post_tag VALUES (%d, %d, %d) ON CONFLICT DO NOTHING", pick(s, POSTS), n, pick(s, 9));
			break;
		case 6:
			run(s, "DELETE FROM app.tb_post_tag WHERE fk_post = %d", pick(s, POSTS));
			break;
		default:
			run(s, "UPDATE app.tb_post_tag SET fk_tag = %d, pos = pos + 1 WHERE fk_post = %d AND fk_tag = %d", pick(s, TAGS), pick(s, POSTS), n);
	}
}

static void
write_event(Session *s)
{
	int			n = pick(s, EVENTS);

	switch (pick(s, 8))
	{
		case 1:
			run(s, "INSERT INTO app.tb_event VALUES (%d, app.uid(6, %d), %d, %d, 'event %d')", n, pick(s, EVENTS), pick(s, USERS), pick(s, 4), pick(s, 99));
			break;
		case 2:
			run(s, "DELETE FROM app.tb_event WHERE pk_event = %d", n);
			break;
		case 3:
			run(s, "UPDATE app.tb_event SET pk_event = %d WHERE pk_event = %d", pick(s, EVENTS), n);
			break;
		case 4:
			run(s, "UPDATE app.tb_event_2 SET payload = 'direct %d', fk_user = %d WHERE pk_event > %d", pick(s, 99), pick(s, USERS), 20 + pick(s, 20));
			break;
		case 5:
			run(s, "INSERT INTO app.tb_event_1 VALUES (%d, app.uid(6, %d), %d, 1, 'into a partition')", pick(s, 20), pick(s, EVENTS), pick(s, USERS));
			break;
		case 6:
			run(s, "UPDATE app.tb_event SET id = app.uid(6, %d), kind = %d WHERE fk_user = %d", pick(s, EVENTS), pick(s, 4), pick(s, USERS));
			break;
		default:
			run(s, "UPDATE app.tb_event SET payload = 'event %d' WHERE pk_event IN (%d, %d)", pick(s, 99), n, pick(s, EVENTS));
	}
}

/* What v_misc reads: an enum, a list of partitions that come and go, a table that moves. */
static void
write_misc(Session *s)
{
	int			n = pick(s, TAGS);

	switch (pick(s, 7))
	{
		case 1:
		case 2:
			run(s, "INSERT INTO app.tb_reading VALUES (%d, %d, %d)", n, pick(s, 3), pick(s, 99));
			break;
		case 3:
			run(s, "UPDATE app.tb_reading SET value = value + 1 WHERE fk_tag = %d", n);
			break;
		case 4:
			run(s, "DELETE FROM app.tb_reading WHERE value %% 7 = %d", pick(s, 7) - 1);
			break;
		case 5:
			/* a partition, or what was one; with DDL it may be elsewhere */
			(options.ddl ? run_ddl : run) (s, "UPDATE app.tb_reading_%d SET value = %d WHERE fk_tag = %d",
										   pick(s, 3), pick(s, 99), n);
			break;
		case 6:
			/* a view that can be written through: the table behind it moves */
			run(s, "UPDATE app.far SET note = 'note %d' WHERE fk_tag = %d", pick(s, 99), n);
			break;
		default:
			run(s, "UPDATE app.tb_tag SET grade = (enum_range(NULL::app.grade))[%d] WHERE pk_tag = %d", pick(s, 3), n);
	}
}

/* TRUNCATE: older snapshots, too, find the table empty, or what came after. */
void
truncate_and_refill(Session *s)
{
	static const char *const tables[] = {"tb_comment", "tb_post_tag", "tb_event_3", "tb_event", "tb_tag", "tb_company"};
	static const char *const fills[] = {
		"INSERT INTO app.tb_comment SELECT g, app.uid(4, g), g % 60 + 1, g % 20 + 1, NULL, 'again', g % 9 FROM generate_series(1, 90) g",
		"INSERT INTO app.tb_post_tag SELECT g % 60 + 1, g % 10 + 1, g % 7 FROM generate_series(1, 60) g",
		"INSERT INTO app.tb_event SELECT g, app.uid(6, g), g % 20 + 1, 1, 'again' FROM generate_series(41, 60) g",
		"INSERT INTO app.tb_event SELECT g, app.uid(6, g), g % 20 + 1, g % 4, 'again' FROM generate_series(1, 50) g",
		"INSERT INTO app.tb_tag SELECT g, app.uid(5, g), 'again ' || g FROM generate_series(1, 7) g",
		"INSERT INTO app.tb_company SELECT g, app.uid(1, g), 'again ' || g, 'de' FROM generate_series(1, 6) g",
	};
	int			i = pick(s, 6) - 1;
	bool		done;

	/* who waits for long makes everybody wait: a few milliseconds, or never */
	if (!options.serial && !run(s, "SET lock_timeout = '30ms'"))
		return;
	done = run(s, "TRUNCATE app.%s", tables[i]);
	if (!options.serial && PQtransactionStatus(s->conn) != PQTRANS_INERROR)
		run(s, "SET lock_timeout = '%dms'", LOCK_TIMEOUT_MS);
	if (!done)
		return;
	if (chance(s, 40))
		read_something(s);
	if (chance(s, 80) && !stop)
		run(s, "%s ON CONFLICT DO NOTHING", fills[i]);
}

/* Empties a TVIEW, changes what it reads, and has it built by a read of all of it. */
void
build_over_own_writes(Session *s)
{
	static const char *const deletes[] = {
		"DELETE FROM app.tb_company WHERE pk_company = %d", "DELETE FROM app.tb_user WHERE pk_user = %d",
		"DELETE FROM app.tb_post WHERE pk_post = %d", "DELETE FROM app.tb_comment WHERE pk_comment = %d",
		"DELETE FROM app.tb_tag WHERE pk_tag = %d", "DELETE FROM app.tb_event WHERE pk_event = %d"
	};
	int			i = random_view(s);
	int			schema = pick(s, 2) - 1;
	const View *v = &views[i];
	char		sql[SQL_MAX];

	if (!options.control && !run(s, "SELECT tview.reset('%s.tv_%s')", schemas[schema], v->name))
		return;
	if (chance(s, 70))
	{
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(sql, sizeof(sql), deletes[v->id_kind - 1], pick(s, v->domain));
#pragma GCC diagnostic pop
		if (!run(s, "%s", sql))
			return;
	}
	compare_sql(sql, sizeof(sql), v, schemas[schema], "*", "");
	compare(s, &views[i], sql, &compared[schema][i]);
}

/* Statements that touch much, and what concerns the store. */
static void
write_rarely(Session *s)
{
	switch (pick(s, 12))
	{
		case 1:
			run(s, "UPDATE app.tb_user SET name = name || '.'");
			break;
		case 2:
			run(s, "UPDATE app.tb_post SET score = %d - score WHERE pk_post %% %d = 0", pick(s, 12), pick(s, 5));
			break;
		case 3:
			run(s, "DELETE FROM app.tb_post WHERE fk_user = %d", pick(s, USERS));
			break;
		case 4:
			run(s, "UPDATE app.tb_setting SET value = value + 1 WHERE name = 'a'");
			break;
		case 5:
			run(s, "UPDATE app.tb_user SET name = left(name, 8), email = left(email, 5)");
			break;
		case 6:
			run(s, "INSERT INTO app.tb_post SELECT g, app.uid(3, g), g %% 20 + 1, 'bulk', 'b', true, g %% 9"
				" FROM generate_series(1, %d) g ON CONFLICT DO NOTHING", POSTS);
			break;
		case 7:
			truncate_and_refill(s);
			break;
		case 8:
			build_over_own_writes(s);
			break;
		case 9:
			if (chance(s, 8) && !options.control)
				run(s, "SELECT tview.reset('%s')", chance(s, 50) ? "roomy" : "tiny");
			break;
		case 10:
		case 11:
			if (!s->serializable && !options.control)
				run(s, "SELECT tview.refresh('%s.tv_%s')", schemas[pick(s, 2) - 1], views[random_view(s)].name);
			break;
		default:
			if (!options.control)
			{
				char		sql[200];

				snprintf(sql, sizeof(sql), "SELECT * FROM tview.verify('%s.tv_%s')", schemas[pick(s, 2) - 1], views[random_view(s)].name);
				compare(s, NULL, sql, &other_compared);
			}
	}
}

void
write_something(Session *s)
{
	int			dice = pick(s, 100);

	if (dice <= 12)
		write_company(s);
	else if (dice <= 32)
		write_user(s);
	else if (dice <= 54)
		write_post(s);
	else if (dice <= 76)
		write_comment(s);
	else if (dice <= 84)
		write_tag(s);
	else if (dice <= 88)
		write_misc(s);
	else if (dice <= 96)
		write_event(s);
	else
		write_rarely(s);
}
