/*
 * problem.c
 *		Records why a view cannot be kept.
 *
 * The first problem wins: the analysis goes on, or stops, as its caller
 * likes, and need not unwind.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "lineage/problem.h"
#include "utils/lsyscache.h"

/* Formats into palloc'd memory. */
static char *format_text(const char *format, va_list args)
	pg_attribute_printf(1, 0);

static char *
format_text(const char *format, va_list args)
{
	va_list copy;
	int length;
	char *text;

	va_copy(copy, args);
	length = vsnprintf(NULL, 0, format, copy);
	va_end(copy);
	text = palloc(length + 1);
	vsnprintf(text, length + 1, format, args);
	return text;
}

void
tview_problem_set(TviewLineage *lineage, int sqlstate, const char *hint,
				  const char *format, ...)
{
	va_list args;

	if (lineage->problem != NULL)
		return;
	va_start(args, format);
	lineage->problem = format_text(format, args);
	va_end(args);
	lineage->sqlstate = sqlstate;
	lineage->hint = hint ? pstrdup(hint) : NULL;
}

void
tview_problem_warn(TviewLineage *lineage, const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	text = format_text(format, args);
	va_end(args);
	if (lineage->warning == NULL)
		lineage->warning = text;
	else if (strstr(lineage->warning, text) == NULL)
		lineage->warning = psprintf("%s; %s", lineage->warning, text);
}

char *
tview_problem_relation(Oid relid)
{
	char *name = get_rel_name(relid);
	char *schema = get_namespace_name(get_rel_namespace(relid));

	if (name == NULL || schema == NULL)
		return psprintf("%u", relid);
	return psprintf("%s.%s", schema, name);
}

char *
tview_problem_function(Oid funcid)
{
	char *name = get_func_name(funcid);
	char *schema = get_namespace_name(get_func_namespace(funcid));

	if (name == NULL || schema == NULL)
		return psprintf("%u", funcid);
	if (strcmp(schema, "pg_catalog") == 0)
		return psprintf("%s()", name);
	return psprintf("%s.%s()", schema, name);
}
