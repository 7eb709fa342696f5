/*
 * refresh.h
 *		What the worker knows of stale rows, and computing them.
 */
#ifndef TVIEW_REFRESH_H
#define TVIEW_REFRESH_H

#include "postgres.h"

#include "cache/handle.h"
#include "cache/settle.h"
#include "meta/meta.h"

/* The list that settling fills, empty; and: what it holds is remembered. */
extern TviewHollowed *tview_refresh_hollowed(void);
extern void tview_refresh_take_hollowed(void);

/* n keys of a TVIEW whose rows may be stale. */
extern void tview_refresh_add(TviewHandle *handle, Oid relid,
							  const int64 *keys, int n);

/*
 * Computes and stores a batch of rows of some TVIEW, or fills one that is not
 * complete, under the active snapshot.  settling: more stale rows may become
 * known in the next round.  True when something was done.  Raises what a view
 * raises.
 */
extern bool tview_refresh_some(TviewHandle *handle, bool settling);

/* True when that has left something for later. */
extern bool tview_refresh_is_postponed(void);

/*
 * Locks the views and bases of a TVIEW as a reader of the view does, without
 * waiting; its descriptor as it is under these locks, or NULL where its rows
 * cannot be computed and stored now.
 */
extern TviewDesc *tview_refresh_lock(Oid relid);

/* The last call has thrown: that TVIEW is left alone for a while. */
extern void tview_refresh_note_error(void);

#endif /* TVIEW_REFRESH_H */
