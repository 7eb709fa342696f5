/*
 * stop.c
 *		See stop.h.  Only a build with stop points has this file.
 */
#include <stddef.h>

#include "store/stop.h"

#ifdef TVIEW_STOP_POINTS
void (*tview_stop_hook)(const char *point) = NULL;
#endif
