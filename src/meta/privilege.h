/*
 * privilege.h
 *		Whether a view may still read what it reads.
 */
#ifndef TVIEW_PRIVILEGE_H
#define TVIEW_PRIVILEGE_H

#include "postgres.h"

#include "nodes/pg_list.h"

/*
 * True when the owner of each view (those of the list that are TVIEWs are
 * passed over) has the privileges that running it needs.  What functions need
 * is not looked at: that is the invoking user's.
 */
extern bool tview_privilege_is_complete(List *views);

#endif /* TVIEW_PRIVILEGE_H */
