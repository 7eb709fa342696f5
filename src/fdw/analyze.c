/*
 * analyze.c
 *		ANALYZE of a TVIEW.
 *
 * The sample is drawn while the view runs once (Vitter's algorithm Z, as
 * PostgreSQL does for tables): exact, in bounded memory, and independent of
 * the store.
 */
#include "postgres.h"

#include "fdw/analyze.h"

#include "access/htup_details.h"
#include "cache/estimate.h"
#include "commands/vacuum.h"
#include "compat.h"
#include "compute/compute.h"
#include "meta/meta.h"
#include "optimizer/plancat.h"
#include "utils/memutils.h"
#include "utils/sampling.h"
#include "utils/snapmgr.h"

/* A sample under way. */
typedef struct Sample
{
	HeapTuple *rows;
	int target;
	int nrows;
	double nseen;
	double skip; /* rows to pass over before the next replacement */
	ReservoirStateData state;
	MemoryContext context; /* of the rows that are kept */
} Sample;

/*
 * Lets the sample decide on one row; what it keeps is copied into the sample's
 * context.
 */
static void
offer_row(Sample *sample, MinimalTuple row)
{
	MemoryContext caller = MemoryContextSwitchTo(sample->context);

	if (sample->nrows < sample->target)
		sample->rows[sample->nrows++] = heap_tuple_from_minimal_tuple(row);
	else
	{
		if (sample->skip < 0)
			sample->skip = reservoir_get_next_S(&sample->state, sample->nseen,
												sample->target);
		if (sample->skip <= 0)
		{
			int k = (int) (sample->target *
						   sampler_random_fract(&sample->state.randstate));

			heap_freetuple(sample->rows[k]);
			sample->rows[k] = heap_tuple_from_minimal_tuple(row);
		}
		sample->skip -= 1;
	}
	sample->nseen += 1;
	MemoryContextSwitchTo(caller);
}

/*
 * Fills rows with a random sample of the view's rows (a callback of ANALYZE).
 */
static int
acquire_sample(Relation relation, int elevel, HeapTuple *rows, int targrows,
			   double *totalrows, double *totaldeadrows)
{
	TviewDesc *desc = tview_meta_get(RelationGetRelid(relation), false);
	Sample sample = {0};
	TviewStreamQuery everything = {0};
	TviewStream *stream;
	MinimalTuple row;

	sample.rows = rows;
	sample.target = targrows;
	sample.skip = -1;
	sample.context = CurrentMemoryContext;
	reservoir_init_selection_state(&sample.state, targrows);

	stream = tview_stream_open(desc, GetActiveSnapshot(), &everything);
	while ((row = tview_stream_next(stream)) != NULL)
	{
		tview_compat_analyze_delay();
		offer_row(&sample, row);
	}
	tview_stream_close(stream);

	*totalrows = sample.nseen;
	*totaldeadrows = 0;
	ereport(elevel,
			(errmsg("\"%s\": view has %.0f rows; %d rows in sample",
					RelationGetRelationName(relation),
					sample.nseen, sample.nrows)));
	return sample.nrows;
}

/*
 * Offers the sampling function, and a guess of the pages that the rows would
 * take.
 */
bool
tviewAnalyzeForeignTable(Relation relation, AcquireSampleRowsFunc *func,
						 BlockNumber *totalpages)
{
	TviewDesc *desc = tview_meta_get(RelationGetRelid(relation), true);
	double pages;

	if (desc == NULL)
		return false;
	pages = tview_estimate_rows(desc, false) *
		(get_relation_data_width(RelationGetRelid(relation), NULL) +
		 MAXALIGN(SizeofMinimalTupleHeader)) /
		BLCKSZ;
	*totalpages = (BlockNumber) Min(Max(pages, 1.0), (double) MaxBlockNumber);
	*func = acquire_sample;
	return true;
}
