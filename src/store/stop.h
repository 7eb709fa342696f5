/*
 * stop.h
 *		Stop points: named places at which a test holds a process.
 *
 * They are there only where TVIEW_STOP_POINTS is defined ("make stop-points");
 * in an ordinary build they are nothing.  What happens at a point is up to
 * whoever sets the hook: see cache/stop.h.
 */
#ifndef TVIEW_STORE_STOP_H
#define TVIEW_STORE_STOP_H

#ifdef TVIEW_STOP_POINTS
extern void (*tview_stop_hook)(const char *point);
#define TVIEW_STOP(point)           \
	do                              \
	{                               \
		if (tview_stop_hook)        \
			tview_stop_hook(point); \
	} while (0)
#else
#define TVIEW_STOP(point) ((void) 0)
#endif

#endif /* TVIEW_STORE_STOP_H */
