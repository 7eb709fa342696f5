/*
 * mark.h
 *		From a changed row to marks.
 */
#ifndef TVIEW_MARK_H
#define TVIEW_MARK_H

#include "postgres.h"

#include "executor/tuptable.h"
#include "meta/meta.h"
#include "utils/rel.h"

/*
 * Adds the marks of a change, within the statement that makes it, or behind
 * it; before is NULL for a new row, after for a deleted one.
 */
extern void tview_mark_change(Relation rel, TupleTableSlot *before,
							  TupleTableSlot *after);

/*
 * Adds a mark on the whole of the base table to its servers' sets; flags:
 * ALL, GONE.
 */
extern void tview_mark_relation(Oid relid, uint16 flags);

#endif /* TVIEW_MARK_H */
