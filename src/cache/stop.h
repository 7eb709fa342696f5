/*
 * stop.h
 *		Holding a backend at a stop point; only for tests.
 *
 * A session whose setting tview.stop_at names a point waits there for the
 * advisory lock hashtext('point'), shared, and gives it back at once: it is
 * held for as long as another session has that lock.
 */
#ifndef TVIEW_CACHE_STOP_H
#define TVIEW_CACHE_STOP_H

#include "store/stop.h"

#ifdef TVIEW_STOP_POINTS
extern void tview_stop_init(void);
#endif

#endif /* TVIEW_CACHE_STOP_H */
