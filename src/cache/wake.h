/*
 * wake.h
 *		Asking for the background worker of a server's store (src/worker).
 *
 * Whoever makes work - commits marks, meets stale rows - wakes the worker, or
 * has it started where there is none.  It looks after itself: it goes when
 * there has been nothing to do for a while.
 */
#ifndef TVIEW_WAKE_H
#define TVIEW_WAKE_H

#include "postgres.h"

#include "cache/handle.h"
#include "postmaster/bgworker.h"

extern int tview_wake_delay; /* GUC tview.refresh_delay, milliseconds */

extern void tview_wake_init(void);

/*
 * True when a TVIEW of the server has the option refresh 'background', as the
 * running transaction sees it.  Reads catalogs when they have changed.
 */
extern bool tview_wake_is_wanted(TviewHandle *handle);

/*
 * Fills the request for a background worker of ours, who gets the oid of this
 * database; function is one of the library.
 */
extern void tview_wake_fill_request(BackgroundWorker *request,
									const char *function, const char *name);

/* Wakes the worker or has it started; reads no catalog, never throws. */
extern void tview_wake(Oid serverid);

/*
 * Around the end of a prepared transaction, which does not say what it has
 * changed: first attaches to the stores that a worker looks after (reads
 * catalogs when they have changed); then wakes the workers of those in whose
 * log marks wait (never throws).
 */
extern void tview_wake_prepare(void);
extern void tview_wake_where_marks_wait(void);

/*
 * True when a reader that has computed these rows need not store them: they
 * are few, a worker is there that will, and this process has not come to one of
 * them before (lately; then the worker has other things to do).
 */
extern bool tview_wake_takes_rows(Oid serverid, Oid relid, const int64 *keys,
								  int n);

/*
 * For the worker.  It takes its place, which fails when another has it, and
 * gives it up; and it says when it is asleep.  After either of the latter it
 * asks whether the count of calls is still the one that it knew before its
 * last round: a call that came in between has neither woken nor started
 * anybody.
 */
extern bool tview_wake_claim(TviewHandle *handle);
extern void tview_wake_release(TviewHandle *handle);
extern void tview_wake_set_asleep(TviewHandle *handle, bool asleep);
extern uint64 tview_wake_wishes(TviewHandle *handle);

#endif /* TVIEW_WAKE_H */
