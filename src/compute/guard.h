/*
 * guard.h
 *		Work whose errors must not become the statement's: computing more of a
 *		row than was asked for.
 */
#ifndef TVIEW_GUARD_H
#define TVIEW_GUARD_H

#include "postgres.h"

/* False in a worker of a parallel plan, which can begin no subtransaction. */
extern bool tview_guard_is_possible(void);

/*
 * Does the work in a subtransaction; false when it raised an error, of which
 * nothing is left then.  Where no guard is possible the work is not done, and
 * the result is false, too.
 */
extern bool tview_guard_run(void (*work)(void *), void *arg);

#endif /* TVIEW_GUARD_H */
