/*
 * check.c
 *		See check.h.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "cache/contents.h"
#include "common/pg_prng.h"
#include "compute/guard.h"
#include "fdw/check.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/memutils.h"

typedef enum CheckMode
{
	CHECK_OFF,
	CHECK_SAMPLE,
	CHECK_ALL
} CheckMode;

static const struct config_enum_entry check_modes[] = {
	{"off", CHECK_OFF, false},
	{"sample", CHECK_SAMPLE, false},
	{"all", CHECK_ALL, false},
	{NULL, 0, false},
};

static int check_mode = CHECK_OFF;
static double check_rate = 0.01;

/* The view's side of a check. */
struct TviewCheck
{
	TviewStream *stream;
	MinimalTuple row; /* the view's next row, NULL at its end */
	int64 key;		  /* of row */
	int direction;
	MemoryContext context; /* of one comparison */
};

static const char missing[] = "the store has no such row";

/* What was found; a tuple is NULL where a side has no row. */
typedef struct Difference
{
	int64 key;
	const char *problem;
	MinimalTuple stored;
	MinimalTuple expected;
} Difference;

void
tview_check_init(void)
{
	DefineCustomEnumVariable(
		"tview.verify",
		"Which scans compare what the store serves with the view.",
		"A difference raises a warning, and the view's rows are returned.",
		&check_mode, CHECK_OFF, check_modes, PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomRealVariable(
		"tview.verify_sample_rate",
		"Share of the scans that tview.verify = sample checks.", NULL,
		&check_rate, 0.01, 0.0, 1.0, PGC_USERSET, 0, NULL, NULL, NULL);
}

static bool
is_due(void)
{
	if (check_mode == CHECK_SAMPLE)
		return pg_prng_double(&pg_global_prng_state) < check_rate;
	return check_mode == CHECK_ALL;
}

bool
tview_check_is_on(void)
{
	return check_mode != CHECK_OFF;
}

/* Moves to the view's next row that has a key. */
static void
advance(const TviewDesc *desc, TviewCheck *check)
{
	bool isnull = true;

	while (isnull && (check->row = tview_stream_next(check->stream)) != NULL)
		check->key = tview_compute_key_of(desc, check->row, &isnull);
}

void
tview_check_start(TviewScanState *state)
{
	TviewCheck *check;
	TviewViewPart everything = {.direction = state->plan->direction < 0 ? -1
																		: 1,
								.flags = TVIEW_STREAM_GUARDED};

	if (!is_due() || !tview_guard_is_possible())
		return;
	check = palloc0(sizeof(TviewCheck));
	check->direction = everything.direction;
	check->context = AllocSetContextCreate(
		CurrentMemoryContext, "tview check", ALLOCSET_DEFAULT_SIZES);
	check->stream = tview_runview_open(state, &everything);
	advance(state->desc, check);
	state->check = check;
}

void
tview_check_close(TviewScanState *state)
{
	if (state->check)
		tview_stream_close(state->check->stream);
	state->check = NULL;
}

/* True when the view's next row comes before the key in the scan's order. */
static bool
is_before(const TviewCheck *check, int64 key)
{
	return check->row != NULL &&
		(check->direction < 0 ? check->key > key : check->key < key);
}

static bool
is_at(const TviewCheck *check, int64 key)
{
	return check->row != NULL && check->key == key;
}

/* Compares a served row with the view's at the same key. */
static bool
row_is_right(TviewScanState *state, MinimalTuple tuple, int64 key,
			 Difference *found)
{
	TviewCheck *check = state->check;

	*found = (Difference){.key = key, .stored = tuple};
	if (!is_at(check, key))
	{
		found->problem = "the view has no such row";
		return !tview_match_row(state, tuple);
	}
	found->expected = check->row;
	found->problem = "the stored row differs";
	return tview_compute_same_row(state->desc, tuple, check->row);
}

/* True when the row after rows[i] has the same key, which is computed then. */
static bool
key_goes_on(const TviewScanState *state, int i, int64 key)
{
	return i + 1 < state->nrows && state->row_keys[i + 1] == key;
}

/* Compares one row and moves past the view's rows of its key. */
static bool
compare_row(TviewScanState *state, int i, Difference *found)
{
	TviewCheck *check = state->check;
	int64 key = state->row_keys[i];

	if (is_before(check, key))
	{
		*found = (Difference){check->key, missing, NULL, check->row};
		return false;
	}
	if (state->served[i] && !row_is_right(state, state->rows[i], key, found))
		return false;
	if (key_goes_on(state, i, key))
		return true;
	for (int n = 1; is_at(check, key); n++)
	{
		if (state->served[i] && n > 1)
		{
			*found = (Difference){key, "the view has several such rows",
								  state->rows[i], check->row};
			return false;
		}
		advance(state->desc, check);
	}
	return true;
}

/* Compares all rows of the batch; false at the first difference. */
static bool
compare_batch(TviewScanState *state, bool ended, Difference *found)
{
	TviewCheck *check = state->check;

	for (int i = 0; i < state->nrows; i++)
	{
		CHECK_FOR_INTERRUPTS();
		MemoryContextReset(check->context);
		if (!compare_row(state, i, found))
			return false;
	}
	/* a look-up that finds nothing in an incomplete TVIEW asks the view */
	if (!ended || state->view_if_none || check->row == NULL)
		return true;
	*found = (Difference){check->key, missing, NULL, check->row};
	return false;
}

/* The row as text, for the server log. */
static char *
row_text(const TviewDesc *desc, MinimalTuple tuple)
{
	TupleDesc tupdesc;
	Datum composite;

	if (tuple == NULL)
		return "none";
	tupdesc = BlessTupleDesc(CreateTupleDescCopy(desc->tupdesc));
	composite = heap_copy_tuple_as_datum(heap_tuple_from_minimal_tuple(tuple),
										 tupdesc);
	return OidOutputFunctionCall(F_RECORD_OUT, composite);
}

/* The evidence, for the server log: rows may not be this client's to see. */
static void
report(TviewScanState *state, const Difference *found)
{
	const TviewReader *reader = &state->reader;

	ereport(LOG_SERVER_ONLY,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("the store of %s was wrong at key %lld: %s",
					state->desc->name, (long long) found->key, found->problem),
			 errdetail("Stored: %.4000s. View: %.4000s. Snapshot: xmin %llu, "
					   "mark log %llu to %llu, TVIEW's floor %llu.",
					   row_text(state->desc, found->stored),
					   row_text(state->desc, found->expected),
					   (unsigned long long) reader->snapshot.xmin,
					   (unsigned long long) reader->head,
					   (unsigned long long) reader->tail,
					   (unsigned long long) reader->state.floor)));
	state->has_difference = true;
	state->difference_key = found->key;
	state->difference = found->problem;
}

void
tview_check_warn(const TviewScanState *state)
{
	if (!state->has_difference)
		return;
	ereport(WARNING,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("the store of %s was wrong at key %lld: %s",
					state->desc->name, (long long) state->difference_key,
					state->difference),
			 errhint("The view's rows were returned and the TVIEW was emptied. "
					 "Please report what the server log says.")));
}

bool
tview_check_batch(TviewScanState *state, bool ended)
{
	TviewCheck *check = state->check;
	MemoryContext old;
	Difference found;
	TviewStore *store;
	TviewCounters *counters;
	bool right;

	if (check == NULL)
		return true;
	old = MemoryContextSwitchTo(check->context);
	right = compare_batch(state, ended, &found);
	/* an error of the view ends the check: nobody has asked for that column */
	if (tview_stream_failed(check->stream))
	{
		MemoryContextSwitchTo(old);
		tview_check_close(state);
		return true;
	}
	if (!right)
	{
		/* computing rows may have found that the store is not to be had */
		store = state->reader.handle->store;
		counters =
			store ? tview_store_counters(store, state->desc->relid) : NULL;
		if (counters)
			__atomic_fetch_add(&counters->mismatched, 1, __ATOMIC_RELAXED);
		(void) tview_contents_clear(state->desc->serverid, state->desc->relid,
									false);
		report(state, &found);
	}
	MemoryContextSwitchTo(old);
	if (!right)
		tview_check_close(state);
	return right;
}
