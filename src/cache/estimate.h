/*
 * estimate.h
 *		How many rows a TVIEW has, for the planner.
 */
#ifndef TVIEW_ESTIMATE_H
#define TVIEW_ESTIMATE_H

#include "postgres.h"

#include "meta/meta.h"

/*
 * Rows in the store, unless roughly will do, or an estimate from the root's
 * reltuples; negative when nothing is known.
 */
extern double tview_estimate_rows(TviewDesc *desc, bool roughly);

#endif /* TVIEW_ESTIMATE_H */
