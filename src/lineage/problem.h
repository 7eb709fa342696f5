/*
 * problem.h
 *		Records why a view cannot be kept.
 */
#ifndef TVIEW_PROBLEM_H
#define TVIEW_PROBLEM_H

#include "postgres.h"

#include "lineage/lineage.h"

/* Records the first problem; later ones are ignored. hint may be NULL. */
extern void tview_problem_set(TviewLineage *lineage, int sqlstate,
							  const char *hint, const char *format, ...)
	pg_attribute_printf(4, 5);

/* Adds a warning, a sentence without a period. */
extern void tview_problem_warn(TviewLineage *lineage, const char *format, ...)
	pg_attribute_printf(2, 3);

/* schema.name of a relation or function for messages, unquoted. */
extern char *tview_problem_relation(Oid relid);
extern char *tview_problem_function(Oid funcid);

#endif /* TVIEW_PROBLEM_H */
