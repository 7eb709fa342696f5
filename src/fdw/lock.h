/*
 * lock.h
 *		Locks on what a TVIEW reads.
 */
#ifndef TVIEW_LOCK_H
#define TVIEW_LOCK_H

#include "postgres.h"

#include "meta/meta.h"

/*
 * Locks the views and base tables of a TVIEW with AccessShareLock, until the
 * transaction ends; returns its descriptor as it is under these locks.  Raises
 * what tview_meta_get does.
 */
extern TviewDesc *tview_lock_relations(Oid relid);

/* True when the range table has the relation, so that its plan locks it. */
extern bool tview_lock_is_listed(List *range_table, Oid relid);

#endif /* TVIEW_LOCK_H */
