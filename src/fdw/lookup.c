/*
 * lookup.c
 *		Look-ups by a root column other than the key: finds the keys that may
 *		match; see state.h.
 *
 * Candidates are the pks that the index has for the value, those that any
 * mark on that very value carries, and the own transaction's.  Each of them
 * is then served or computed like a key that was asked for, and the condition
 * is checked again.
 *
 * A count needs no rows where nothing has changed: an entry of the index that
 * names the column stands for a row that has the value, unless the row is
 * hollow.
 */
#include "postgres.h"

#include "cache/index.h"
#include "cache/stop.h"
#include "fdw/state.h"
#include "meta/order.h"
#include "meta/tag.h"

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
	TviewIndexWalk walk = tview_index_walk(
		state->desc->relid, tview_tag_lookup(tag), PG_INT64_MIN);
	int64 pks[512];
	int n;

	do
	{
		TviewStoreStatus status = tview_index_next(
			state->reader.txn, &walk, pks, NULL, lengthof(pks), &n);

		tview_reader_note(&state->reader, status);
		if (status != TVIEW_STORE_OK)
			return false;
		for (int i = 0; i < n; i++)
			note_key(pks[i], list);
	} while (!walk.ended);
	return true;
}

/* Makes the list the scan's keys, ascending and distinct. */
static void
take_candidates(TviewScanState *state, KeyList *list)
{
	int n = tview_order_keys(list->keys, list->n);
	int kept = 0;

	for (int i = 0; i < n; i++)
		if (list->keys[i] >= state->lower && list->keys[i] <= state->upper)
			list->keys[kept++] = list->keys[i];
	state->keys = list->keys;
	state->nkeys = kept;
	state->next_key = 0;
	state->phase = TVIEW_PHASE_KEYS;
}

/* ---- counts ---- */

#define PKS_PER_LOOK 512
#define HOLLOW_LOOKS_MAX 4

/*
 * True when one of the ascending pks is a hollow row's, and when there are too
 * many of these to tell.
 */
static bool
some_are_hollow(TviewScanState *state, const int64 *pks, int n)
{
	TviewIndexWalk walk =
		tview_index_walk_hollow(state->desc->relid, pks[0]);
	int64 hollow[PKS_PER_LOOK];
	int nhollow = 0;

	for (int look = 0; look < HOLLOW_LOOKS_MAX; look++)
	{
		TviewStoreStatus status =
			tview_index_next(state->reader.txn, &walk, hollow, NULL,
							 lengthof(hollow), &nhollow);

		tview_reader_note(&state->reader, status);
		if (status != TVIEW_STORE_OK)
			return true;
		for (int i = 0; i < nhollow && hollow[i] <= pks[n - 1]; i++)
			if (bsearch(&hollow[i], pks, n, sizeof(int64),
						tview_order_compare_keys))
				return true;
		if (walk.ended || walk.from > pks[n - 1])
			return false;
	}
	return true;
}

/*
 * Counts the rows that have the tag's value in the column; false when an entry
 * does not tell.
 */
static bool
count_tag(TviewScanState *state, uint64 tag, uint16 column, int64 *count)
{
	int64 pks[PKS_PER_LOOK];
	uint16 columns[PKS_PER_LOOK];
	uint64 lookup = tview_tag_lookup(tag);
	TviewIndexWalk walk =
		tview_index_walk(state->desc->relid, lookup, PG_INT64_MIN);
	int n;

	do
	{
		TviewStoreStatus status = tview_index_next(
			state->reader.txn, &walk, pks, columns, lengthof(pks), &n);

		tview_reader_note(&state->reader, status);
		if (status != TVIEW_STORE_OK)
			return false;
		for (int i = 0; i < n; i++)
		{
			if (columns[i] != column && columns[i] != TVIEW_INDEX_ABSENT)
				return false;
			*count += columns[i] == column;
		}
		if (n > 0 && some_are_hollow(state, pks, n))
			return false;
	} while (!walk.ended);
	return lookup != TVIEW_TAG_SHARED_LOOKUP;
}

/*
 * True when the scan is a count under this condition alone, and the index has
 * told how many rows there are.
 */
static bool
count_indexed(TviewScanState *state, const uint64 *tags, int n, uint16 column)
{
	const TviewReader *reader = &state->reader;
	int64 count = 0;

	if (!OidIsValid(state->plan->counted) || state->plan->nconditions != 1 ||
		column == 0 || state->check || !reader->complete || reader->marked ||
		reader->pending)
		return false;
	for (int i = 0; i < n; i++)
		if (!count_tag(state, tags[i], column, &count))
			return false;
	state->indexed = count;
	state->phase = TVIEW_PHASE_DONE;
	return true;
}

void
tview_lookup_start(TviewScanState *state)
{
	KeyList list = {0};
	uint64 *tags;
	uint16 column = 0;
	int n = tview_values_lookup_tags(state, &tags, &column);
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
	if (count_indexed(state, tags, n, column))
	{
		tview_reader_end(&state->reader);
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
