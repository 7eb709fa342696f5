/*
 * keylist.c
 *		See keylist.h.
 *
 * Keys come in shares, mostly ascending, while the smallest ones are taken:
 * only what is new is sorted, and merged with the rest.
 */
#include "postgres.h"

#include "meta/order.h"
#include "worker/keylist.h"

void
tview_keylist_add(TviewKeyList *list, MemoryContext context, int64 key)
{
	if (list->n == list->allocated)
	{
		int wanted = Max(list->allocated * 2, 256);

		list->keys = list->keys
			? repalloc_huge(list->keys, wanted * sizeof(int64))
			: MemoryContextAlloc(context, wanted * sizeof(int64));
		list->allocated = wanted;
	}
	list->keys[list->n++] = key;
}

/* Merges the new keys, which are ascending, with those before them. */
static void
merge(TviewKeyList *list)
{
	int nnew = list->n - list->sorted;
	int64 *new = MemoryContextAllocHuge(CurrentMemoryContext,
										nnew * sizeof(int64));
	int old = list->sorted - 1;
	int to = list->n - 1;

	memcpy(new, &list->keys[list->sorted], nnew * sizeof(int64));
	for (int i = nnew - 1; i >= 0; to--)
	{
		if (old >= list->first && list->keys[old] > new[i])
			list->keys[to] = list->keys[old--];
		else
			list->keys[to] = new[i--];
	}
	pfree(new);
}

static void
sort(TviewKeyList *list)
{
	int64 *keys = list->keys;
	int kept = list->first;

	qsort(&keys[list->sorted], list->n - list->sorted, sizeof(int64),
		  tview_order_compare_keys);
	if (list->sorted > list->first &&
		keys[list->sorted] <= keys[list->sorted - 1])
		merge(list);
	for (int i = list->first; i < list->n; i++)
		if (kept == list->first || keys[kept - 1] != keys[i])
			keys[kept++] = keys[i];
	list->n = list->sorted = kept;
}

const int64 *
tview_keylist_get(TviewKeyList *list, int *n)
{
	if (list->sorted < list->n)
		sort(list);
	*n = list->n - list->first;
	return &list->keys[list->first];
}

void
tview_keylist_take(TviewKeyList *list, int n)
{
	list->first += n;
	if (list->first <= list->n / 2)
		return;
	list->n -= list->first;
	list->sorted -= list->first;
	memmove(list->keys, &list->keys[list->first], list->n * sizeof(int64));
	list->first = 0;
}

void
tview_keylist_clear(TviewKeyList *list)
{
	list->first = list->sorted = list->n = 0;
}
