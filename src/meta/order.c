/*
 * order.c
 *		See order.h.
 */
#include "postgres.h"

#include "lib/qunique.h"
#include "meta/order.h"

int
tview_order_keys(int64 *keys, int n)
{
	if (n <= 1)
		return n;
	qsort(keys, n, sizeof(int64), tview_order_compare_keys);
	return (int) qunique(keys, n, sizeof(int64), tview_order_compare_keys);
}

static int
compare_tags(const void *a, const void *b)
{
	uint64 x = *(const uint64 *) a;
	uint64 y = *(const uint64 *) b;

	return (x > y) - (x < y);
}

int
tview_order_tags(uint64 *tags, int n)
{
	if (n <= 1)
		return n;
	qsort(tags, n, sizeof(uint64), compare_tags);
	return (int) qunique(tags, n, sizeof(uint64), compare_tags);
}
