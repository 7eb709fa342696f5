/*
 * hook.h
 *		The executor's hooks: which statements are changing tables.
 */
#ifndef TVIEW_HOOK_H
#define TVIEW_HOOK_H

extern void tview_hook_init(void);

#endif /* TVIEW_HOOK_H */
