/*
 * setting.h
 *		The database's default values of settings, whatever the session has.
 */
#ifndef TVIEW_SETTING_H
#define TVIEW_SETTING_H

#include "postgres.h"

/*
 * The value that a session of the database begins with when neither its role
 * nor its client asks for another one, as SHOW would print it; palloc'd.
 */
extern char *tview_setting_default(const char *name);

#endif /* TVIEW_SETTING_H */
