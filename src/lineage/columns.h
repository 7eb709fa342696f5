/*
 * columns.h
 *		Which tables and columns a view reads.
 */
#ifndef TVIEW_COLUMNS_H
#define TVIEW_COLUMNS_H

#include "postgres.h"

#include "lineage/level.h"

/*
 * Fills lineage->sources and lineage->bases from the levels, the bound nodes
 * and depends_on.
 */
extern void tview_columns_collect(TviewAnalysis *cx);

/* The source of a table, NULL when the view does not read it. */
extern TviewSource *tview_columns_source(TviewLineage *lineage, Oid relid);

#endif /* TVIEW_COLUMNS_H */
