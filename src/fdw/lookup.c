/*
 * lookup.c
 *		Look-ups by a root column other than the key: finds the keys that may
 *		match; see state.h.
 *
 * Candidates are the pks that the index has for the value, those that any
 * mark on that very value carries, and the own transaction's.  Each of them
 * is then served or computed like a key that was asked for, and the condition
 * is checked again.
 */
#include "postgres.h"

#include "cache/stop.h"
#include "fdw/state.h"
#include "meta/tag.h"

static int
compare_int64(const void *a, const void *b)
{
	int64 x = *(const int64 *) a;
	int64 y = *(const int64 *) b;

	return (x > y) - (x < y);
}

/* Keys gathered for a look-up; grows in the current context. */
typedef struct KeyList
{
	int64 *keys;
	int n;
	int allocated;
} KeyList;

static void
note_key(int64 key, void *arg)
{
	KeyList *list = arg;

	if (list->n == list->allocated)
	{
		list->allocated = Max(list->allocated * 2, 64);
		if (list->keys == NULL)
			list->keys = palloc(list->allocated * sizeof(int64));
		else
			list->keys =
				repalloc_huge(list->keys, list->allocated * sizeof(int64));
	}
	list->keys[list->n++] = key;
}

/* Adds the pks that the index has for a tag; false when it cannot be read. */
static bool
collect_indexed(TviewScanState *state, uint64 tag, KeyList *list)
{
	int64 pks[512];
	int64 after = 0;
	bool first = true;
	int n;

	do
	{
		TviewStoreStatus status = tview_row_find(
			state->reader.txn, state->desc->relid, tview_tag_lookup(tag), first,
			after, pks, lengthof(pks), &n);

		tview_reader_note(&state->reader, status);
		if (status != TVIEW_STORE_OK)
			return false;
		for (int i = 0; i < n; i++)
			note_key(pks[i], list);
		if (n > 0)
			after = pks[n - 1];
		first = false;
	} while (n == lengthof(pks));
	return true;
}

/* Makes the list the scan's keys, ascending and distinct. */
static void
take_candidates(TviewScanState *state, KeyList *list)
{
	int kept = 0;

	if (list->n > 1)
		qsort(list->keys, list->n, sizeof(int64), compare_int64);
	for (int i = 0; i < list->n; i++)
		if (list->keys[i] >= state->lower && list->keys[i] <= state->upper &&
			(kept == 0 || list->keys[kept - 1] != list->keys[i]))
			list->keys[kept++] = list->keys[i];
	state->keys = list->keys;
	state->nkeys = kept;
	state->next_key = 0;
	state->phase = TVIEW_PHASE_KEYS;
}

void
tview_lookup_start(TviewScanState *state)
{
	KeyList list = {0};
	uint64 *tags;
	int n = tview_values_lookup_tags(state, &tags);
	bool unique = state->view_if_none;
	bool found = n >= 0;
	TviewReason reason = tview_serve_begin(state);

	state->recheck = true;
	if (reason.code == TVIEW_BYPASS_NONE &&
		(state->reader.root_changed || state->reader.all_invalid || !found))
		reason = tview_reason_changed;
	else if (reason.code == TVIEW_BYPASS_NONE && !state->reader.complete &&
			 !unique)
		reason = tview_reason_incomplete;
	state->view_if_none =
		reason.code == TVIEW_BYPASS_NONE && !state->reader.complete;
	if (reason.code != TVIEW_BYPASS_NONE)
	{
		tview_reader_end(&state->reader);
		tview_runview_start(state, reason);
		return;
	}
	for (int i = 0; i < n; i++)
	{
		found = found && collect_indexed(state, tags[i], &list);
		tview_reader_visit_tag(&state->reader, tags[i], note_key, &list);
	}
	if (!found)
	{
		tview_reader_end(&state->reader);
		tview_runview_start(state, tview_reason_incomplete);
		return;
	}
	take_candidates(state, &list);
	TVIEW_STOP("lookup.keys");
	tview_serve_keys(state, true);
}
