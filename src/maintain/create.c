/*
 * create.c
 *		See create.h.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/pg_class.h"
#include "maintain/create.h"
#include "maintain/define.h"
#include "maintain/fill.h"
#include "meta/record.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

PG_FUNCTION_INFO_V1(tview_definition);

/* True when an unfit table is skipped. */
static bool
is_lenient(Node *parsetree)
{
	return IsA(parsetree, ImportForeignSchemaStmt) &&
		((ImportForeignSchemaStmt *) parsetree)->list_type !=
		FDW_IMPORT_SCHEMA_LIMIT_TO;
}

/* Drops a table that IMPORT has just made. */
static void
skip_table(Oid relid, const ErrorData *error)
{
	ObjectAddress table;
	char *name = tview_meta_relation_name(relid);

	ObjectAddressSet(table, RelationRelationId, relid);
	performDeletion(&table, DROP_CASCADE,
					PERFORM_DELETION_INTERNAL | PERFORM_DELETION_QUIETLY);
	CommandCounterIncrement();
	ereport(WARNING,
			(errcode(ERRCODE_WARNING),
			 errmsg("skipped foreign table %s: %s", name, error->message),
			 error->detail ? errdetail_internal("%s", error->detail) : 0,
			 error->hint ? errhint("%s", error->hint) : 0));
}

/* Fills a TVIEW unless its options say otherwise. */
static void
populate(Oid relid)
{
	TviewTableOptions options;

	(void) tview_option_texts(relid, &options);
	if (options.populate)
		tview_fill_populate(relid);
}

/*
 * Calls the function in a subtransaction.  An error drops the table; one that
 * says nothing about the table is raised again.
 */
static bool
try_table(Oid relid, void (*function)(Oid))
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	ErrorData *error = NULL;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		function(relid);
		ReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(context);
		CurrentResourceOwner = owner;
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(context);
		CurrentResourceOwner = owner;
	}
	PG_END_TRY();

	if (error == NULL)
		return true;
	switch (ERRCODE_TO_CATEGORY(error->sqlerrcode))
	{
		case ERRCODE_OPERATOR_INTERVENTION:
		case ERRCODE_INSUFFICIENT_RESOURCES:
		case ERRCODE_TRANSACTION_ROLLBACK:
		case ERRCODE_INTERNAL_ERROR:
			ReThrowError(error);
			break;
		default:
			break;
	}
	skip_table(relid, error);
	return false;
}

/* A table to be filled, and how many others are nested in it. */
typedef struct ToFill
{
	Oid relid;
	int depth;
} ToFill;

static int
compare_depth(const ListCell *a, const ListCell *b)
{
	const ToFill *x = lfirst(a);
	const ToFill *y = lfirst(b);

	return x->depth - y->depth;
}

void
tview_create_tables(List *relids, Node *parsetree)
{
	bool lenient = is_lenient(parsetree);
	List *tables = NIL;
	ListCell *lc;

	/*
	 * all are recorded before one is filled: a view may read another one's
	 * table
	 */
	foreach(lc, relids)
	{
		ToFill *table;
		TviewRecord *record;

		if (!lenient)
			tview_define_create(lfirst_oid(lc));
		else if (!try_table(lfirst_oid(lc), tview_define_create))
			continue;
		record = tview_record_get(lfirst_oid(lc));
		if (record == NULL || record->problem != NULL)
			continue;
		table = palloc(sizeof(ToFill));
		table->relid = record->relid;
		table->depth = list_length(record->views);
		tables = lappend(tables, table);
	}
	list_sort(tables, compare_depth);
	foreach(lc, tables)
	{
		ToFill *table = lfirst(lc);

		if (!lenient)
			populate(table->relid);
		else
			(void) try_table(table->relid, populate);
	}
}

Datum
tview_definition(PG_FUNCTION_ARGS)
{
	Oid relid = PG_GETARG_OID(0);
	TviewRecord *record = tview_record_get(relid);

	if (record == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("%s is not a TVIEW", tview_meta_relation_name(relid)),
				 errhint("Name a foreign table of the wrapper tview_fdw.")));
	if (record->tag_query == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(record->tag_query));
}
