/*
 * recent.h
 *		What was done lately with which rows, in a table that forgets.
 */
#ifndef TVIEW_RECENT_H
#define TVIEW_RECENT_H

#include "postgres.h"

typedef struct TviewRecentRow
{
	Oid relid;
	int64 key;
} TviewRecentRow;

/*
 * Notes a row in a table of n places, zeroed at first.  True when it was noted
 * before, lately: then it is forgotten, and the next time is a first one.
 */
static inline bool
tview_recent_note(TviewRecentRow *rows, int n, Oid relid, int64 key)
{
	TviewRecentRow *row = &rows[((uint64) key + relid) % n];
	bool before = row->relid == relid && row->key == key;

	row->relid = before ? InvalidOid : relid;
	row->key = key;
	return before;
}

#endif /* TVIEW_RECENT_H */
