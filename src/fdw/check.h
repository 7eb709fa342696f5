/*
 * check.h
 *		Self-checks of scans: what the store serves against the view.
 *
 * tview.verify = off | sample | all says which scans are checked.  A checked
 * scan runs the view with its conditions beside the store, under its snapshot
 * and in key order, and compares every row before it is returned.
 */
#ifndef TVIEW_FDW_CHECK_H
#define TVIEW_FDW_CHECK_H

#include "fdw/state.h"

/* Defines the settings. */
extern void tview_check_init(void);

/* True when scans of this session may be checked. */
extern bool tview_check_is_on(void);

/* Begins a check of a scan that will ask the store, where one is due. */
extern void tview_check_start(TviewScanState *state);

/*
 * Compares the rows that are ready to be returned; ended: no more will come
 * from the store.  On a difference: writes the evidence to the server log,
 * empties the TVIEW, counts, and returns false; the caller drops the rows and
 * runs the view.
 */
extern bool tview_check_batch(TviewScanState *state, bool ended);

/*
 * Raises a WARNING where there was a difference; at the end of the scan, for
 * messages between rows break clients that stream.
 */
extern void tview_check_warn(const TviewScanState *state);

extern void tview_check_close(TviewScanState *state);

#endif /* TVIEW_FDW_CHECK_H */
