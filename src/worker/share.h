/*
 * share.h
 *		Sharing many stale rows of one TVIEW with helpers.
 *
 * A helper is another background worker.  It computes and stores rows as any
 * process may; it settles nothing, and ends when all shares are given out.
 */
#ifndef TVIEW_SHARE_H
#define TVIEW_SHARE_H

#include "postgres.h"

#include "meta/meta.h"
#include "worker/batch.h"

/* Defines tview.refresh_workers. */
extern void tview_share_init(void);

/*
 * Takes the keys of the backlog over to be shared, if they are worth it and
 * there are helpers to be had.  True when it has.
 */
extern bool tview_share_begin(TviewDesc *desc, TviewBacklog *backlog);

/* True while keys of that TVIEW are being shared. */
extern bool tview_share_is_of(Oid relid);

/*
 * Adds the next share to the list, which is empty: the one before is done.
 * When all are given out, waits a moment for the helpers; in the end adds what
 * they have left undone, and they are not shared any more.
 */
extern void tview_share_take(TviewKeyList *keys, MemoryContext context);

/* The keys of that TVIEW are of no interest any more. */
extern void tview_share_forget(Oid relid);

#endif /* TVIEW_SHARE_H */
