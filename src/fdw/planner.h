/*
 * planner.h
 *		Plans look-ups of one row without PostgreSQL's planner.
 */
#ifndef TVIEW_PLANNER_H
#define TVIEW_PLANNER_H

#include "postgres.h"

#include "nodes/parsenodes.h"

/*
 * True when the query reads columns of one foreign table under conditions, and
 * does nothing else, but perhaps for a LIMIT.
 */
extern bool tview_planner_is_plain(const Query *query);

/* Hooks into the planner, and defines tview.plan_lookups. */
extern void tview_planner_init(void);

#endif /* TVIEW_PLANNER_H */
