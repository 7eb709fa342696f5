/*
 * mark.h
 *		The triggers on base tables: from a changed row to marks.
 */
#ifndef TVIEW_MARK_H
#define TVIEW_MARK_H

#include "postgres.h"

#include "meta/meta.h"

/*
 * Adds a mark on the whole of the base table to its servers' sets; flags:
 * ALL, GONE.
 */
extern void tview_mark_relation(Oid relid, uint16 flags);

#endif /* TVIEW_MARK_H */
