/*
 * round.h
 *		What the background workers have in common.
 */
#ifndef TVIEW_ROUND_H
#define TVIEW_ROUND_H

#include "postgres.h"

/* Connects to the database; SIGTERM ends the process, SIGHUP is noticed. */
extern void tview_round_connect(Oid database);

/*
 * Calls the function in a transaction of its own, with a snapshot.  False when
 * it throws: the error is reported, and the transaction is over.
 */
extern bool tview_round_run(void (*function)(void *arg), void *arg);

/*
 * Sleeps for milliseconds, or until the latch is set: then true.  Reads the
 * configuration anew where that was asked for.
 */
extern bool tview_round_sleep(long ms);

#endif /* TVIEW_ROUND_H */
