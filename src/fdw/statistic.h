/*
 * statistic.h
 *		Column statistics of TVIEWs that were never analyzed.
 */
#ifndef TVIEW_STATISTIC_H
#define TVIEW_STATISTIC_H

#include "postgres.h"

/* Installs the planner's hook; called once, from _PG_init. */
extern void tview_statistic_init(void);

#endif /* TVIEW_STATISTIC_H */
