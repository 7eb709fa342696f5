/*
 * serve.c
 *		Batches of rows through the store; see state.h.
 *
 * A batch is: begin reading, copy the rows that are valid for the snapshot,
 * note the keys that are not, end reading; then compute those keys under the
 * snapshot, store what may be stored, and hand all rows out in key order.
 */
#include "postgres.h"

#include "fdw/check.h"
#include "fdw/stale.h"
#include "fdw/state.h"
#include "meta/order.h"
#include "meta/tag.h"
#include "utils/memutils.h"

#define BATCH_ROWS_MAX 1024
#define KEYS_PER_BATCH 512

typedef struct Batch
{
	TviewBatchEntry *entries;
	int n;
	int invalid;
	Size bytes;
} Batch;

const TviewReason tview_reason_changed = {TVIEW_BYPASS_ALL_CHANGED,
										  "a whole base table has changed"};
const TviewReason tview_reason_incomplete = {TVIEW_BYPASS_INCOMPLETE,
											 "not every row is stored"};
static const TviewReason mismatch_reason = {
	TVIEW_BYPASS_MISMATCH, "a self-check found a difference"};
static const TviewReason damaged_reason = {TVIEW_BYPASS_STORE,
										   "the store is damaged"};
static const TviewReason stale_reason = {
	TVIEW_BYPASS_CHEAPER, "stale rows cannot be computed one by one"};

static void
add_entry(TviewScanState *state, Batch *batch, int64 key, TviewFound found,
		  const TviewRow *row)
{
	TviewBatchEntry *entry;

	if (found == TVIEW_FOUND_ABSENT)
		return;
	entry = &batch->entries[batch->n++];
	entry->key = key;
	entry->tuple = NULL;
	entry->computed = NULL;
	if (found == TVIEW_FOUND_VALID)
	{
		entry->tuple = tview_copy_stored(state, row);
		batch->bytes += entry->tuple->t_len;
	}
	else
		batch->invalid++;
}

static int
compare_entries(const void *a, const void *b)
{
	int64 x = ((const TviewBatchEntry *) a)->key;
	int64 y = ((const TviewBatchEntry *) b)->key;

	return (x > y) - (x < y);
}

/* Computes the keys that the store could not serve. */
static void
compute_invalid(TviewScanState *state, Batch *batch)
{
	int64 *keys;
	TviewBatchEntry **waiting;
	int n = 0;

	if (batch->invalid == 0)
		return;
	keys = palloc(batch->invalid * sizeof(int64));
	waiting = palloc(batch->invalid * sizeof(TviewBatchEntry *));
	qsort(batch->entries, batch->n, sizeof(TviewBatchEntry), compare_entries);
	for (int i = 0; i < batch->n; i++)
	{
		if (batch->entries[i].tuple == NULL)
		{
			waiting[n] = &batch->entries[i];
			keys[n++] = batch->entries[i].key;
		}
	}
	tview_stale_compute(state, waiting, keys, n);
}

/* Hands an entry's rows out, or a gap where they raise an error. */
static void
publish_entry(TviewScanState *state, const TviewBatchEntry *entry)
{
	bool gap = entry->tuple == NULL && entry->computed == NULL;

	if (gap || entry->tuple)
	{
		state->served[state->nrows] = !gap;
		state->row_keys[state->nrows] = entry->key;
		state->rows[state->nrows++] = entry->tuple;
		return;
	}
	for (int i = 0; i < entry->computed->nrows; i++)
	{
		state->served[state->nrows] = false;
		state->row_keys[state->nrows] = entry->key;
		state->rows[state->nrows++] =
			tview_copy_minimal(state, entry->computed->rows[i]);
	}
}

/* Hands the batch's rows out, in the scan's direction. */
static void
publish_batch(TviewScanState *state, Batch *batch)
{
	/* computing sorts the batch; otherwise it is in the scan's order */
	bool backward = batch->invalid > 0 && state->plan->direction < 0;
	int n = 1;

	compute_invalid(state, batch);
	for (int i = 0; i < batch->n; i++)
		n += batch->entries[i].computed ? batch->entries[i].computed->nrows : 1;
	state->rows = palloc(n * sizeof(MinimalTuple));
	state->row_keys = palloc(n * sizeof(int64));
	state->served = palloc(n * sizeof(bool));
	state->nrows = state->next_row = 0;
	for (int i = 0; i < batch->n; i++)
		publish_entry(state, &batch->entries[backward ? batch->n - 1 - i : i]);
	state->rows_have_room = true;
}

void
tview_serve_computed(TviewScanState *state, const int64 *keys, int n)
{
	Batch batch = {.n = n, .invalid = n};

	batch.entries = palloc0(Max(n, 1) * sizeof(TviewBatchEntry));
	for (int i = 0; i < n; i++)
		batch.entries[i].key = keys[i];
	publish_batch(state, &batch);
}

/*
 * Begins reading, making the store's record of this TVIEW where there is none
 * or an older one.  Settings are compared each time: one may have changed since
 * the scan began, between two fetches from a cursor, or by set_config() in the
 * query itself.
 */
TviewReason
tview_serve_begin(TviewScanState *state)
{
	TviewReason reason = tview_runview_setting(state);

	if (reason.code != TVIEW_BYPASS_NONE)
		return reason;
	reason = tview_reader_begin(&state->reader);
	if (!state->locked)
		return reason;
	if ((reason.code == TVIEW_BYPASS_GENERATION ||
		 (reason.code == TVIEW_BYPASS_INCOMPLETE &&
		  state->reader.state.relid == InvalidOid)) &&
		tview_contents_prepare(state->desc, false, NULL))
		reason = tview_reader_begin(&state->reader);
	return reason;
}

/* ---- FULL and RANGE ---- */

/* True when the key lies ahead of what was returned, within the bounds. */
static bool
is_ahead(const TviewScanState *state, int64 key)
{
	if (key < state->lower || key > state->upper)
		return false;
	if (!state->has_last)
		return true;
	return state->plan->direction < 0 ? key < state->last : key > state->last;
}

static void
note_candidate(int64 key, void *arg)
{
	TviewScanState *state = arg;

	if (!is_ahead(state, key))
		return;
	if (state->ncandidates == state->candidates_allocated)
	{
		MemoryContext old = MemoryContextSwitchTo(state->scan_context);
		int wanted = Max(state->candidates_allocated * 2, 64);

		if (state->candidates == NULL)
			state->candidates = palloc(wanted * sizeof(int64));
		else
			state->candidates =
				repalloc_huge(state->candidates, wanted * sizeof(int64));
		state->candidates_allocated = wanted;
		MemoryContextSwitchTo(old);
	}
	state->candidates[state->ncandidates++] = key;
}

/*
 * Adds the keys of marks published since the last batch to the candidates,
 * and drops those behind.
 */
static void
collect_candidates(TviewScanState *state)
{
	int before = state->ncandidates;
	int kept = 0;

	tview_reader_visit_keys(&state->reader, state->candidates_seen, true,
							note_candidate, state);
	state->candidates_seen = state->reader.tail;
	if (state->ncandidates > before)
		state->ncandidates =
			tview_order_keys(state->candidates, state->ncandidates);
	for (int i = 0; i < state->ncandidates; i++)
		if (is_ahead(state, state->candidates[i]))
			state->candidates[kept++] = state->candidates[i];
	state->ncandidates = kept;
}

/*
 * Positions the cursor at the first key ahead; *k is room for the key sought.
 */
static TviewStoreStatus
seek_ahead(TviewScanState *state, TviewCursor *cursor, uint64 *k,
		   TviewValue *key, TviewValue *value)
{
	bool backward = state->plan->direction < 0;
	int64 start = backward ? state->upper : state->lower;

	if (state->has_last)
	{
		if (backward ? state->last == PG_INT64_MIN
					 : state->last == PG_INT64_MAX)
			return TVIEW_STORE_NOTFOUND;
		start = backward ? Min(start, state->last - 1)
						 : Max(start, state->last + 1);
	}
	*k = TVIEW_KEY_OF(start);
	key->data = k;
	key->size = sizeof(*k);
	return tview_cursor_move(cursor, backward ? TVIEW_SEEK_LE : TVIEW_SEEK_GE,
							 key, value);
}

/* The candidate next in line, false when there is none. */
static bool
peek_candidate(const TviewScanState *state, int used, int64 *key)
{
	if (used >= state->ncandidates)
		return false;
	*key = state->candidates[state->plan->direction < 0
								 ? state->ncandidates - 1 - used
								 : used];
	return true;
}

static bool
batch_is_full(const TviewScanState *state, const Batch *batch)
{
	return batch->n >= state->batch_size || batch->bytes >= TVIEW_BATCH_BYTES;
}

/*
 * Reads entries and candidates in key order until the batch is full; true at
 * the end of both.
 */
static bool
read_batch(TviewScanState *state, Batch *batch)
{
	bool backward = state->plan->direction < 0;
	uint64 start;
	TviewCursor *cursor;
	TviewValue key;
	TviewValue value;
	int used = 0;
	TviewStoreStatus status = tview_cursor_open(
		state->reader.txn, TVIEW_DB_ROWS, state->desc->relid, &cursor);

	if (status == TVIEW_STORE_OK)
		status = seek_ahead(state, cursor, &start, &key, &value);
	while (!batch_is_full(state, batch))
	{
		int64 candidate;
		int64 pk = 0;
		bool in_store = false;
		TviewRow row;

		if (status == TVIEW_STORE_OK)
		{
			uint64 k;

			memcpy(&k, key.data, sizeof(k));
			pk = TVIEW_PK_OF(k);
			in_store = pk >= state->lower && pk <= state->upper;
		}
		if (peek_candidate(state, used, &candidate) &&
			(!in_store || (backward ? candidate >= pk : candidate <= pk)))
		{
			used++;
			if (!in_store || candidate != pk)
			{
				add_entry(state, batch, candidate, TVIEW_FOUND_INVALID, NULL);
				state->last = candidate;
				state->has_last = true;
				continue;
			}
		}
		if (!in_store)
		{
			tview_reader_note(&state->reader, status);
			tview_cursor_close(cursor);
			return true;
		}
		add_entry(state, batch, pk,
				  tview_reader_validate(&state->reader, pk, value, &row), &row);
		state->last = pk;
		state->has_last = true;
		status = tview_cursor_move(
			cursor, backward ? TVIEW_SEEK_PREV : TVIEW_SEEK_NEXT, &key, &value);
	}
	tview_cursor_close(cursor);
	return false;
}

/* Notes whether the batch that was read is of the commit of those before. */
static void
note_commit(TviewScanState *state, const Batch *batch, bool first)
{
	const TviewReader *reader = &state->reader;

	if (first)
	{
		state->entry = reader->entry;
		state->commit = reader->commit;
		state->steady = true;
	}
	if (reader->entry != state->entry || reader->commit != state->commit ||
		reader->marked || reader->pending || batch->invalid > 0)
		state->steady = false;
}

void
tview_serve_batch(TviewScanState *state)
{
	MemoryContext old;
	Batch batch = {0};
	TviewReason reason;
	bool had_last = state->has_last;
	int64 last = state->last;
	bool ended;

	old = MemoryContextSwitchTo(tview_scan_batch_context(state));
	batch.entries = palloc(state->batch_size * sizeof(TviewBatchEntry));
	reason = tview_serve_begin(state);
	if (reason.code == TVIEW_BYPASS_NONE && !state->reader.complete)
		reason = tview_reason_incomplete;
	else if (reason.code == TVIEW_BYPASS_NONE &&
			 (state->reader.root_changed || state->reader.all_invalid))
		reason = tview_reason_changed;
	if (reason.code != TVIEW_BYPASS_NONE)
	{
		tview_reader_end(&state->reader);
		tview_runview_start(state, reason);
		MemoryContextSwitchTo(old);
		return;
	}
	collect_candidates(state);
	ended = read_batch(state, &batch);
	note_commit(state, &batch, !had_last);
	tview_reader_end(&state->reader);
	if (state->reader.damaged ||
		(batch.invalid > 0 && !state->desc->restrictable))
	{
		state->has_last = had_last;
		state->last = last;
		if (state->reader.damaged)
			tview_runview_start(state, damaged_reason);
		else
			tview_runview_start(state, stale_reason);
	}
	else
	{
		publish_batch(state, &batch);
		if (!tview_check_batch(state, ended))
		{
			state->has_last = had_last;
			state->last = last;
			tview_runview_start(state, mismatch_reason);
		}
		else if (ended)
			state->phase = TVIEW_PHASE_DONE;
		state->batch_size = Min(state->batch_size * 4, BATCH_ROWS_MAX);
	}
	MemoryContextSwitchTo(old);
}

/* ---- KEYS and LOOKUP ---- */

/* Runs the view for what lies behind the keys that were returned. */
static void
leave_keys(TviewScanState *state, TviewReason reason)
{
	state->phase = TVIEW_PHASE_START;
	if (state->next_key > 0)
	{
		state->has_last = true;
		state->last = state->keys[state->next_key - 1];
	}
	tview_runview_start(state, reason);
}

/* Nothing is left of the keys. */
static void
end_keys(TviewScanState *state)
{
	state->phase = TVIEW_PHASE_DONE;
	if (state->view_if_none && !state->returned)
	{
		state->phase = TVIEW_PHASE_START;
		tview_runview_start(state, tview_reason_incomplete);
	}
	else if (state->nkeys == 0 && !tview_check_batch(state, true))
		leave_keys(state, mismatch_reason);
}

/* Hands out the valid row of the only key, and ends reading. */
static void
publish_one(TviewScanState *state, const TviewRow *row)
{
	state->one_row = tview_copy_stored(state, row);
	tview_reader_end(&state->reader);
	state->one_served = true;
	state->rows = &state->one_row;
	state->row_keys = state->keys;
	state->served = &state->one_served;
	state->rows_have_room = true;
	state->nrows = 1;
	state->next_row = 0;
	state->next_key = 1;
}

/* Reads the next n keys and ends reading. */
static void
read_keys(TviewScanState *state, int n)
{
	Batch batch = {0};
	TviewFound found;
	TviewRow row;
	int64 key = state->keys[state->next_key];

	found = tview_reader_get(&state->reader, key, &row);
	if (state->nkeys == 1 && found == TVIEW_FOUND_VALID && !state->check)
	{
		publish_one(state, &row);
		return;
	}
	batch.entries = palloc(n * sizeof(TviewBatchEntry));
	add_entry(state, &batch, key, found, &row);
	for (int i = 1; i < n; i++)
	{
		key = state->keys[state->next_key + i];
		found = tview_reader_get(&state->reader, key, &row);
		add_entry(state, &batch, key, found, &row);
	}
	tview_reader_end(&state->reader);
	if (batch.invalid > 0 && tview_lock_is_missing(state, false))
		return;
	if (batch.invalid > 0 && !state->desc->restrictable)
	{
		tview_runview_start(state, stale_reason);
		return;
	}
	publish_batch(state, &batch);
	if (!tview_check_batch(state, state->next_key + n == state->nkeys))
		leave_keys(state, mismatch_reason);
	else
		state->next_key += n;
}

void
tview_serve_keys(TviewScanState *state, bool begun)
{
	int n = Min(state->nkeys - state->next_key, KEYS_PER_BATCH);
	MemoryContext old;
	TviewReason reason = {TVIEW_BYPASS_NONE, NULL};

	if (n == 0)
	{
		if (begun)
			tview_reader_end(&state->reader);
		end_keys(state);
		return;
	}
	/* a row of the first batch may be returned before another is computed */
	if (state->nkeys > n && !state->locked)
	{
		if (begun)
			tview_reader_end(&state->reader);
		(void) tview_lock_is_missing(state, false);
		return;
	}
	/* one batch is all that there is of one key */
	if (state->nkeys == 1)
	{
		state->buffer_used = 0;
		old = MemoryContextSwitchTo(state->scan_context);
	}
	else
		old = MemoryContextSwitchTo(tview_scan_batch_context(state));
	if (!begun)
		reason = tview_serve_begin(state);
	if (reason.code == TVIEW_BYPASS_NONE)
		read_keys(state, n);
	else
	{
		tview_reader_end(&state->reader);
		tview_runview_start(state, reason);
	}
	MemoryContextSwitchTo(old);
}
