/*
 * part.c
 *		Computes some columns of the rows of one key; see compute.h.
 *
 * Nothing is guarded: an error is one that the view raises as well, for the
 * same columns.  The caller knows a query by its shape, a string of bytes, so
 * that its text is composed only for a new plan.
 */
#include "postgres.h"

#include "compute/compute.h"
#include "compute/query.h"
#include "executor/executor.h"
#include "tcop/dest.h"

/* Receives the rows. */
typedef struct PartReceiver
{
	DestReceiver pub;
	TviewDesc *desc;
	const Bitmapset *columns;
	MemoryContext context; /* of the rows */
	MinimalTuple *rows;
	int n;
} PartReceiver;

static void
start(DestReceiver *self, int operation, TupleDesc tupdesc)
{
	PartReceiver *receiver = (PartReceiver *) self;

	tview_query_check_columns(receiver->desc, tupdesc, receiver->columns);
}

static bool
receive(TupleTableSlot *slot, DestReceiver *self)
{
	PartReceiver *receiver = (PartReceiver *) self;
	MemoryContext old = MemoryContextSwitchTo(receiver->context);

	if (receiver->rows == NULL)
		receiver->rows = palloc(sizeof(MinimalTuple));
	else
		receiver->rows = repalloc(receiver->rows,
								  (receiver->n + 1) * sizeof(MinimalTuple));
	receiver->rows[receiver->n++] = ExecCopySlotMinimalTuple(slot);
	MemoryContextSwitchTo(old);
	return true;
}

static void
end(DestReceiver *self)
{
}

/* Prepares the query of that shape. */
static SPIPlanPtr
prepare(TviewDesc *desc, const TviewPart *part)
{
	const char *select = tview_query_columns(desc, part->columns);
	const char *where = part->compose(part->arg);

	return tview_query_make_shape(desc, part->shape, part->size,
								  psprintf("%s WHERE %s", select, where),
								  part->nparams, part->types,
								  CURSOR_OPT_GENERIC_PLAN);
}

int
tview_compute_part(TviewDesc *desc, Snapshot snapshot, const TviewPart *part,
				   MinimalTuple **rows)
{
	PartReceiver receiver = {
		.pub = {.receiveSlot = receive,
				.rStartup = start,
				.rShutdown = end,
				.rDestroy = end,
				.mydest = DestNone},
		.desc = desc,
		.columns = part->columns,
		.context = CurrentMemoryContext,
	};
	TviewIdentity saved;
	SPIPlanPtr plan;

	tview_query_enter(desc, &saved);
	plan = tview_query_find_shape(desc, part->shape, part->size);
	if (plan == NULL)
		plan = prepare(desc, part);
	tview_query_run(plan, snapshot, part->nparams, part->types, part->values,
					&receiver.pub);
	tview_query_leave(&saved);
	*rows = receiver.rows;
	return receiver.n;
}
