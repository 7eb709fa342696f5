/*
 * keylist.h
 *		The keys of a TVIEW's stale rows.
 */
#ifndef TVIEW_KEYLIST_H
#define TVIEW_KEYLIST_H

#include "postgres.h"

/* All zero: an empty list. */
typedef struct TviewKeyList
{
	int64 *keys;
	int first;	/* the keys before this one have been taken */
	int sorted; /* up to here they are ascending and distinct */
	int n;
	int allocated;
} TviewKeyList;

/* Adds a key; the list's memory is of the context. */
extern void tview_keylist_add(TviewKeyList *list, MemoryContext context,
							  int64 key);

/*
 * The keys, ascending and distinct, valid until the next call; *n is how many.
 */
extern const int64 *tview_keylist_get(TviewKeyList *list, int *n);

/* Takes the first n keys off. */
extern void tview_keylist_take(TviewKeyList *list, int n);

extern void tview_keylist_clear(TviewKeyList *list);

static inline bool
tview_keylist_is_empty(const TviewKeyList *list)
{
	return list->first == list->n;
}

#endif /* TVIEW_KEYLIST_H */
