/*
 * visibility.h
 *		Which transactions a snapshot sees, by full xid, and which commits are
 *		known to be on disk.
 */
#ifndef TVIEW_VISIBILITY_H
#define TVIEW_VISIBILITY_H

#include "postgres.h"

#include "utils/snapshot.h"

/* An MVCC snapshot with its bounds as full xids. */
typedef struct TviewSnapshot
{
	Snapshot snapshot;
	uint64 xmin;
	uint64 xmax;
	uint64 own; /* own top-level full xid, 0 when none is assigned */
} TviewSnapshot;

/* The next full xid to be given out. */
extern uint64 tview_visibility_next_xid(void);

extern void tview_visibility_init(TviewSnapshot *result, Snapshot snapshot);

/*
 * True when the snapshot sees what top-level transaction xid committed.  The
 * own transaction is not seen: its marks mean "changed, and not covered".
 * The commit log is asked only about xids that the snapshot knows to have
 * ended.
 */
extern bool tview_visibility_sees(const TviewSnapshot *snapshot, uint64 xid);

/*
 * For an xid below every running one (or seen by a snapshot): true when it
 * committed.
 */
extern bool tview_visibility_committed(uint64 xid);

/* For a committed xid: true when its commit record is flushed. */
extern bool tview_visibility_flushed(uint64 xid);

/* The same, writing the record to disk first when it is not there yet. */
extern bool tview_visibility_make_flushed(uint64 xid);

/* For any xid: true when it has certainly aborted (or was lost in a crash). */
extern bool tview_visibility_aborted(uint64 xid);

/*
 * Xids below this one are seen by every snapshot, now and later, in this
 * database.
 */
extern uint64 tview_visibility_horizon(void);

/*
 * Writes WAL up to here to disk: afterwards every commit that any present
 * snapshot sees is flushed.
 */
extern void tview_visibility_flush(void);

#endif /* TVIEW_VISIBILITY_H */
