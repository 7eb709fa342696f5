/*
 * naming.c
 *		See naming.h.
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "maintain/naming.h"
#include "nodes/parsenodes.h"
#include "utils/catcache.h"
#include "utils/syscache.h"

/* The relation that the command makes, or NULL. */
static const RangeVar *
made_relation(Node *parsetree)
{
	if (IsA(parsetree, CreateStmt))
		return ((CreateStmt *) parsetree)->relation;
	if (IsA(parsetree, CreateTableAsStmt))
		return ((CreateTableAsStmt *) parsetree)->into->rel;
	if (IsA(parsetree, CreateSeqStmt))
		return ((CreateSeqStmt *) parsetree)->sequence;
	if (IsA(parsetree, ViewStmt))
		return ((ViewStmt *) parsetree)->view;
	return NULL;
}

bool
tview_naming_changes(Node *parsetree)
{
	const RangeVar *made = made_relation(parsetree);
	CatCList *list;
	bool several;

	if (IsA(parsetree, RenameStmt) || IsA(parsetree, AlterObjectSchemaStmt) ||
		IsA(parsetree, CreateSchemaStmt))
		return true;
	if (made == NULL || made->relpersistence == RELPERSISTENCE_TEMP)
		return false;
	list = SearchSysCacheList1(RELNAMENSP, CStringGetDatum(made->relname));
	several = list->n_members > 1;
	ReleaseSysCacheList(list);
	return several;
}

bool
tview_naming_columns(Node *parsetree)
{
	ListCell *lc;

	if (IsA(parsetree, RenameStmt))
		return ((RenameStmt *) parsetree)->renameType == OBJECT_COLUMN;
	if (!IsA(parsetree, AlterTableStmt))
		return false;
	foreach(lc, ((AlterTableStmt *) parsetree)->cmds)
	{
		AlterTableType subtype = lfirst_node(AlterTableCmd, lc)->subtype;

		if (subtype == AT_AddColumn || subtype == AT_AlterColumnType)
			return true;
	}
	return false;
}
