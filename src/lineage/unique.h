/*
 * unique.h
 *		Proves from unique indexes and grouping that a key has one row.
 */
#ifndef TVIEW_UNIQUE_H
#define TVIEW_UNIQUE_H

#include "postgres.h"

#include "lineage/level.h"

/*
 * At most one row of the view for each value of output column resno: proven or
 * not.
 */
extern bool tview_unique_prove(TviewAnalysis *cx, AttrNumber resno);

#endif /* TVIEW_UNIQUE_H */
