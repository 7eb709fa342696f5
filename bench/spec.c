/*
 * spec.c
 *		Reads a case: lines of a word and its value; blank lines and those
 *		that begin with # are skipped.
 *
 *	protocol prepared|simple	ordered yes|no	pinned yes|no	seed N
 *	clients N		sessions that are timed
 *	companions N	sessions that run the variant's `companion` meanwhile
 *	rounds N		limit SECONDS, but at least min_rounds N
 *	slice MS		how long a variant runs before the next one has its turn
 *	verify N		executions whose rows are compared before anything is timed
 *	keys SQL		rows whose columns `param key` takes
 *	param int LOW HIGH | param key COLUMN | param text PREFIX
 *	variant NAME	begins a variant, to which the following belong:
 *	connect CONNINFO	setup SQL	after SQL	companion SQL
 *	sql SQL | exec SQL | copy SQL | prep SQL	run in this order, see spec.h
 */
#include "spec.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *place = "";
static int line_number;

void
die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

static char *
copy_text(const char *text)
{
	char *copy = strdup(text);

	if (!copy)
		die("out of memory");
	return copy;
}

static int
count_params(const char *text)
{
	int highest = 0;

	for (const char *p = text; *p; p++)
		if (*p == '$' && isdigit((unsigned char) p[1]) && atoi(p + 1) > highest)
			highest = atoi(p + 1);
	if (highest > MAX_PARAMS)
		die("%s:%d: too many parameters", place, line_number);
	return highest;
}

static int
to_number(const char *value)
{
	char *end;
	long number = strtol(value, &end, 10);

	if (end == value || *end || number < 0 || number > 1000000000)
		die("%s:%d: \"%s\" is no number", place, line_number, value);
	return (int) number;
}

static void
add_statement(Variant *variant, StatementKind kind, const char *text)
{
	Statement *statement;

	if (variant->nstatements == MAX_STATEMENTS)
		die("%s:%d: too many statements", place, line_number);
	statement = &variant->statements[variant->nstatements++];
	statement->kind = kind;
	statement->text = copy_text(text);
	statement->nparams = count_params(text);
}

static void
add_param(Spec *spec, const char *value)
{
	Param *param;
	char prefix[64];

	if (spec->nparams == MAX_PARAMS)
		die("%s:%d: too many parameters", place, line_number);
	param = &spec->params[spec->nparams++];
	if (sscanf(value, "int %ld %ld", &param->low, &param->high) == 2 &&
		param->low <= param->high)
		param->kind = PARAM_INT;
	else if (sscanf(value, "key %ld", &param->low) == 1)
		param->kind = PARAM_KEY;
	else if (sscanf(value, "text %63s", prefix) == 1)
	{
		param->kind = PARAM_TEXT;
		param->prefix = copy_text(prefix);
	}
	else
		die("%s:%d: no parameter: \"%s\"", place, line_number, value);
}

/* Takes what belongs to a variant; false when the word is not one of those. */
static bool
take_of_variant(Variant *variant, const char *word, const char *value)
{
	if (strcmp(word, "connect") == 0)
		variant->connect = copy_text(value);
	else if (strcmp(word, "setup") == 0 && variant->nsetup < MAX_STATEMENTS)
		variant->setup[variant->nsetup++] = copy_text(value);
	else if (strcmp(word, "after") == 0)
		variant->after = copy_text(value);
	else if (strcmp(word, "companion") == 0)
	{
		variant->companion.kind = STATEMENT_SQL;
		variant->companion.text = copy_text(value);
		variant->companion.nparams = count_params(value);
	}
	else if (strcmp(word, "sql") == 0)
		add_statement(variant, STATEMENT_SQL, value);
	else if (strcmp(word, "exec") == 0)
		add_statement(variant, STATEMENT_EXEC, value);
	else if (strcmp(word, "copy") == 0)
		add_statement(variant, STATEMENT_COPY, value);
	else if (strcmp(word, "prep") == 0)
		add_statement(variant, STATEMENT_PREP, value);
	else
		return false;
	return true;
}

static void
take(Spec *spec, const char *word, const char *value)
{
	const struct
	{
		const char *word;
		int *target;
	} numbers[] = {
		{"clients", &spec->clients},
		{"companions", &spec->companions},
		{"rounds", &spec->rounds},
		{"min_rounds", &spec->min_rounds},
		{"limit", &spec->limit},
		{"slice", &spec->slice},
		{"verify", &spec->verify},
	};

	for (unsigned i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (strcmp(word, numbers[i].word) == 0)
		{
			*numbers[i].target = to_number(value);
			return;
		}
	if (strcmp(word, "protocol") == 0)
		spec->prepared = strcmp(value, "prepared") == 0;
	else if (strcmp(word, "ordered") == 0)
		spec->ordered = strcmp(value, "yes") == 0;
	else if (strcmp(word, "pinned") == 0)
		spec->pinned = strcmp(value, "yes") == 0;
	else if (strcmp(word, "seed") == 0)
		spec->seed = strtoul(value, NULL, 10);
	else if (strcmp(word, "keys") == 0)
		spec->keys = copy_text(value);
	else if (strcmp(word, "param") == 0)
		add_param(spec, value);
	else if (strcmp(word, "variant") == 0)
	{
		if (spec->nvariants == MAX_VARIANTS)
			die("%s:%d: too many variants", place, line_number);
		spec->variants[spec->nvariants].name = copy_text(value);
		spec->variants[spec->nvariants++].connect = copy_text("");
	}
	else if (spec->nvariants == 0 ||
			 !take_of_variant(&spec->variants[spec->nvariants - 1], word,
							  value))
		die("%s:%d: what is \"%s\"?", place, line_number, word);
}

/* Every statement's parameters are among those that the case makes. */
static void
check(const Spec *spec)
{
	if (spec->nvariants == 0 || spec->clients == 0 || spec->rounds == 0)
		die("%s: no variants, clients or rounds", place);
	for (int v = 0; v < spec->nvariants; v++)
	{
		const Variant *variant = &spec->variants[v];
		bool timed = false;

		for (int s = 0; s < variant->nstatements; s++)
		{
			timed = timed || variant->statements[s].kind != STATEMENT_PREP;
			if (variant->statements[s].nparams > spec->nparams)
				die("%s: %s has more parameters than the case", place, variant->name);
		}
		if (!timed)
			die("%s: %s has nothing to time", place, variant->name);
		if (spec->companions > 0 && !variant->companion.text)
			die("%s: %s has no companion", place, variant->name);
	}
}

void
spec_read(Spec *spec, const char *path)
{
	FILE *file = fopen(path, "r");
	char *line = NULL;
	size_t size = 0;
	ssize_t length;

	if (!file)
		die("%s: %s", path, strerror(errno));
	place = path;
	*spec = (Spec){.prepared = true, .clients = 1, .rounds = 100};
	spec->min_rounds = 10;
	spec->limit = 120;
	spec->slice = 200;
	spec->verify = 20;
	spec->seed = 1;
	while ((length = getline(&line, &size, file)) >= 0)
	{
		char *word = line;
		char *value;

		line_number++;
		while (length > 0 && isspace((unsigned char) line[length - 1]))
			line[--length] = '\0';
		word += strspn(word, " \t");
		if (*word == '\0' || *word == '#')
			continue;
		value = word + strcspn(word, " \t");
		if (*value)
			*value++ = '\0';
		take(spec, word, value + strspn(value, " \t"));
	}
	free(line);
	fclose(file);
	check(spec);
}
