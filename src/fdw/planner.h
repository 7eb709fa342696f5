/*
 * planner.h
 *		Plans look-ups of one row without PostgreSQL's planner.
 */
#ifndef TVIEW_PLANNER_H
#define TVIEW_PLANNER_H

/* Hooks into the planner, and defines tview.plan_lookups. */
extern void tview_planner_init(void);

#endif /* TVIEW_PLANNER_H */
