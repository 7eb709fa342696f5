/*
 * pending.h
 *		What the running transaction has changed and has not published yet:
 *		per server a set of marks.
 *
 * The set only grows until the transaction ends: marks of rolled-back
 * savepoints stay (too many marks are harmless).  Where one relation gathers
 * more than tview.max_marks_per_transaction, its marks collapse to all(rel).
 */
#ifndef TVIEW_PENDING_H
#define TVIEW_PENDING_H

#include "postgres.h"

#include "cache/markset.h"
#include "store/store.h"

typedef struct TviewPending
{
	Oid serverid;
	TviewMarkSet *marks;	   /* xid is not set yet */
	void *known;			   /* the marks in the set; NULL: they are few */
	void *relations;		   /* counts per relation */
	bool has_all;			   /* some relation is marked as a whole */
	bool wake;				   /* a worker shall look at the marks (wake.h) */
	struct TviewPending *next; /* another server's */
} TviewPending;

extern int tview_pending_max_marks; /* GUC */

extern void tview_pending_init(void);

/* The set of a server, NULL while it has none. */
extern TviewPending *tview_pending_find(Oid serverid);

/* Adds a mark (xid is ignored); creates the set.  True when it is new. */
extern bool tview_pending_add(Oid serverid, const TviewMark *mark);

/*
 * True when no mark on values of relid (nor touch(relid), if that is asked for)
 * would change the set: all(relid) is in it.
 */
extern bool tview_pending_is_saturated(Oid serverid, Oid relid, bool touch);

/* True when the set holds a mark all(relid), or gone. */
extern bool tview_pending_is_all(const TviewPending *pending, Oid relid);
extern bool tview_pending_is_gone(const TviewPending *pending, Oid relid);

/*
 * Copies the marks to publish (without those that a collapse made needless),
 * with the xid, in the current memory context; returns how many.
 */
extern Size tview_pending_collect(TviewPending *pending, uint64 xid,
								  TviewMark **marks);

/*
 * Replaces the marks by one for each whole relation: for a log that is small.
 */
extern void tview_pending_collapse(TviewPending *pending);

/* Visits every server's set. */
extern void tview_pending_each(void (*visitor)(TviewPending *pending));
extern bool tview_pending_is_empty(void);

/*
 * Forgets everything: the transaction has ended.  The memory of a small set is
 * kept for the next transaction.
 */
extern void tview_pending_clear(void);

#endif /* TVIEW_PENDING_H */
