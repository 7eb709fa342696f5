/*
 * start.h
 *		Starting the executor for look-ups of one row.
 */
#ifndef TVIEW_START_H
#define TVIEW_START_H

/* Takes the hook; before other parts of the library do. */
extern void tview_start_init(void);

#endif /* TVIEW_START_H */
