/*
 * order.h
 *		The orders of keys (signed) and of tags (unsigned).
 */
#ifndef TVIEW_ORDER_H
#define TVIEW_ORDER_H

#include "postgres.h"

/* For qsort and bsearch over keys. */
static inline int
tview_order_compare_keys(const void *a, const void *b)
{
	int64 x = *(const int64 *) a;
	int64 y = *(const int64 *) b;

	return (x > y) - (x < y);
}

/* Sorts and removes duplicates; return how many remain. */
extern int tview_order_keys(int64 *keys, int n);
extern int tview_order_tags(uint64 *tags, int n);

#endif /* TVIEW_ORDER_H */
