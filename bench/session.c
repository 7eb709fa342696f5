/*
 * session.c
 *		Connections and executions.  Every variant's rows are read alike: each
 *		value's address and length, and its bytes where rows are compared.
 */
#include "session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define INT4OID 23

uint64_t
session_clock(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t) now.tv_sec * 1000000000 + (uint64_t) now.tv_nsec;
}

uint64_t
session_processor(const Session *session)
{
	char path[64];
	unsigned long long nanoseconds = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/schedstat",
			 PQbackendPID(session->connection));
	file = fopen(path, "r");
	if (!file || fscanf(file, "%llu", &nanoseconds) != 1)
		die("could not read %s", path);
	fclose(file);
	return nanoseconds;
}

/* splitmix64: the same seed gives every variant the same keys */
static uint64_t
next_random(Session *session)
{
	uint64_t z = (session->random += 0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

/* Draws the parameters of the next execution. */
void
session_draw(Session *session)
{
	const Spec *spec = session->spec;
	int row = -1;
	int last = session->keys ? PQntuples(session->keys) - 1 : 0;

	for (int i = 0; i < spec->nparams; i++)
	{
		const Param *param = &spec->params[i];
		char *value = session->space[i];
		size_t size = sizeof(session->space[i]);

		session->values[i] = value;
		if (param->kind == PARAM_INT)
		{
			uint64_t width = (uint64_t) (param->high - param->low + 1);

			snprintf(value, size, "%ld",
					 param->low + (long) (next_random(session) % width));
		}
		else if (param->kind == PARAM_TEXT)
		{
			snprintf(value, size, "%s %llu", param->prefix,
					 (unsigned long long) session->number);
			session->number += session->stride;
		}
		else
		{
			if (row < 0)
				row = (int) (next_random(session) % (uint64_t) (last + 1));
			session->values[i] =
				PQgetvalue(session->keys, row, (int) param->low);
		}
	}
}

static void
add_to_hash(uint64_t *hash, const char *bytes, int length)
{
	for (int i = 0; i < length; i++)
		*hash = (*hash ^ (unsigned char) bytes[i]) * 0x100000001b3;
	*hash = (*hash ^ 0x1ff) * 0x100000001b3;
}

/* Adds a row's hash: order counts only where the case says so. */
static void
add_row(const Session *session, Answer *answer, uint64_t hash)
{
	if (session->spec->ordered)
		answer->hash = answer->hash * 31 + hash;
	else
		answer->hash += hash * hash + hash;
}

static void
read_rows(Session *session, PGresult *result, Answer *answer, bool hashed)
{
	int rows = PQntuples(result);
	int columns = PQnfields(result);

	answer->rows += (uint64_t) rows;
	for (int r = 0; r < rows; r++)
	{
		uint64_t hash = 0xcbf29ce484222325;

		for (int c = 0; c < columns; c++)
		{
			const char *value = PQgetvalue(result, r, c);
			int length = PQgetlength(result, r, c);

			answer->bytes += (uint64_t) length + (value[0] == '\1');
			if (hashed && PQgetisnull(result, r, c))
				add_to_hash(&hash, "\1null", 5);
			else if (hashed)
				add_to_hash(&hash, value, length);
		}
		if (hashed)
			add_row(session, answer, hash);
	}
}

static void
fail(Session *session, const char *text)
{
	die("%s: %s in: %s", session->variant->name,
		PQerrorMessage(session->connection), text);
}

static void
read_copy(Session *session, const char *text, Answer *answer, bool hashed)
{
	PGconn *connection = session->connection;
	PGresult *result = PQexec(connection, text);
	char *row;
	int length;

	if (PQresultStatus(result) != PGRES_COPY_OUT)
		fail(session, text);
	PQclear(result);
	while ((length = PQgetCopyData(connection, &row, 0)) > 0)
	{
		answer->rows++;
		answer->bytes += (uint64_t) length;
		if (hashed)
		{
			uint64_t hash = 0xcbf29ce484222325;

			add_to_hash(&hash, row, length);
			add_row(session, answer, hash);
		}
		PQfreemem(row);
	}
	while ((result = PQgetResult(connection)) != NULL)
	{
		if (PQresultStatus(result) != PGRES_COMMAND_OK)
			fail(session, text);
		PQclear(result);
	}
}

/* Puts literals in the place of $1, $2 ...; the values contain no quotes. */
static void
substitute(Session *session, const char *text, char *target, size_t size)
{
	size_t used = 0;

	while (*text)
	{
		const char *dollar = strchr(text, '$');
		size_t plain = dollar ? (size_t) (dollar - text) : strlen(text);
		int number = dollar ? atoi(dollar + 1) : 0;

		if (used + plain + 2 > size)
			die("a statement is too long: %s", text);
		memcpy(target + used, text, plain);
		used += plain;
		text += plain;
		if (!dollar)
			break;
		if (number == 0)
		{
			target[used++] = *text++;
			continue;
		}
		if (used + strlen(session->values[number - 1]) + 3 > size)
			die("a statement is too long: %s", text);
		used += (size_t) snprintf(target + used, size - used,
								  session->spec->params[number - 1].kind == PARAM_INT ? "%s" : "'%s'",
								  session->values[number - 1]);
		text += 1 + strspn(text + 1, "0123456789");
	}
	target[used] = '\0';
}

static bool
is_prepared(const Session *session, const Statement *statement)
{
	if (statement->kind == STATEMENT_PREP)
		return statement->nparams > 0;
	return statement->kind == STATEMENT_SQL && session->spec->prepared;
}

/* Statement number i (the companion has the last) by its protocol. */
static void
run_statement(Session *session, const Statement *statement, int i,
			  Answer *answer, bool hashed)
{
	char name[16];
	char text[16384];
	PGresult *result;
	ExecStatusType status;

	if (statement->kind == STATEMENT_COPY)
	{
		substitute(session, statement->text, text, sizeof(text));
		read_copy(session, text, answer, hashed);
		return;
	}
	if (is_prepared(session, statement))
	{
		snprintf(name, sizeof(name), "s%d", i);
		result = PQexecPrepared(session->connection, name, statement->nparams,
								session->values, NULL, NULL, 0);
	}
	else
	{
		substitute(session, statement->text, text, sizeof(text));
		result = PQexec(session->connection, text);
	}
	status = PQresultStatus(result);
	if (status == PGRES_TUPLES_OK)
	{
		/* what prepares an execution is no part of its answer */
		if (statement->kind != STATEMENT_PREP)
			read_rows(session, result, answer, hashed);
	}
	else if (status == PGRES_COMMAND_OK)
		answer->rows += (uint64_t) atol(PQcmdTuples(result));
	else
		fail(session, statement->text);
	PQclear(result);
}

static int
bucket_of(uint64_t nanoseconds)
{
	int octave = 63 - __builtin_clzll(nanoseconds | 16);

	return octave * 16 + (int) ((nanoseconds >> (octave - 4)) & 15);
}

/*
 * Runs the variant once with the parameters that were drawn, adds to the
 * answer, and returns the nanoseconds of what is timed.
 */
uint64_t
session_run(Session *session, Answer *answer, bool hashed)
{
	const Variant *variant = session->variant;
	uint64_t timed = 0;

	if (session->companion)
	{
		run_statement(session, &variant->companion, MAX_STATEMENTS, answer,
					  hashed);
		return 0;
	}
	for (int i = 0; i < variant->nstatements; i++)
	{
		const Statement *statement = &variant->statements[i];
		uint64_t begin = session_clock();

		run_statement(session, statement, i, answer, hashed);
		if (statement->kind != STATEMENT_PREP)
			timed += session_clock() - begin;
	}
	session->histogram[bucket_of(timed)]++;
	return timed;
}

/* The nanoseconds below which that share of all executions took. */
uint64_t
session_percentile(const uint64_t *histogram, double share)
{
	uint64_t all = 0;
	uint64_t sum = 0;

	for (int i = 0; i < HISTOGRAM_SIZE; i++)
		all += histogram[i];
	for (int i = 0; i < HISTOGRAM_SIZE; i++)
	{
		sum += histogram[i];
		if (all > 0 && (double) sum >= share * (double) all)
			return ((uint64_t) (16 + i % 16) << (i / 16)) / 16;
	}
	return 0;
}

void
session_execute(Session *session, const char *text)
{
	PGresult *result = PQexec(session->connection, text);
	ExecStatusType status = PQresultStatus(result);

	if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK)
		fail(session, text);
	PQclear(result);
}

static void
prepare(Session *session, const Statement *statement, int i)
{
	char name[16];
	Oid types[MAX_PARAMS] = {0};
	PGresult *result;

	if (!is_prepared(session, statement))
		return;
	snprintf(name, sizeof(name), "s%d", i);
	/* a parameter that a variant does not use has no type to be inferred */
	for (int p = 0; p < statement->nparams; p++)
		if (session->spec->params[p].kind == PARAM_INT)
			types[p] = INT4OID;
	result = PQprepare(session->connection, name, statement->text,
					   statement->nparams, types);
	if (PQresultStatus(result) != PGRES_COMMAND_OK)
		fail(session, statement->text);
	PQclear(result);
}

static void
ignore_notice(void *arg, const char *message)
{
	(void) arg;
	(void) message;
}

/* Connects, sets up and prepares. */
void
session_open(Session *session)
{
	const Variant *variant = session->variant;

	session->connection = PQconnectdb(variant->connect);
	if (PQstatus(session->connection) != CONNECTION_OK)
		fail(session, "connecting");
	PQsetNoticeProcessor(session->connection, ignore_notice, NULL);
	for (int i = 0; i < variant->nsetup; i++)
		session_execute(session, variant->setup[i]);
	for (int i = 0; i < variant->nstatements; i++)
		prepare(session, &variant->statements[i], i);
	if (session->companion)
		prepare(session, &variant->companion, MAX_STATEMENTS);
}
