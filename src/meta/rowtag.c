/*
 * rowtag.c
 *		See rowtag.h.
 *
 * The tag query is read as text: "SELECT n1.key AS key, n1.fk AS t1, ... FROM
 * root n1 ...".  What is not plainly a column of its first table has no column
 * of the view.  Look-ups are what the analysis has proven to be the root's
 * columns: of the row that has the key, for the root has only one then.
 */
#include "postgres.h"

#include "meta/rowtag.h"
#include "nodes/parsenodes.h"
#include "parser/parser.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

/* The tag query's first table, when it is the root by itself; or NULL. */
static RangeVar *
find_root(const SelectStmt *select, Oid rootid)
{
	Node *from = linitial(select->fromClause);
	char *name = get_rel_name(rootid);

	while (IsA(from, JoinExpr))
		from = ((JoinExpr *) from)->larg;
	if (!IsA(from, RangeVar) || ((RangeVar *) from)->alias == NULL ||
		name == NULL || strcmp(((RangeVar *) from)->relname, name) != 0)
		return NULL;
	return (RangeVar *) from;
}

/* The root's column that the expression is, 0 when it is anything else. */
static AttrNumber
root_column(const Node *expr, const RangeVar *root, Oid rootid)
{
	List *fields;

	if (!IsA(expr, ColumnRef))
		return InvalidAttrNumber;
	fields = ((const ColumnRef *) expr)->fields;
	if (list_length(fields) != 2 || !IsA(lsecond(fields), String) ||
		strcmp(strVal(linitial(fields)), root->alias->aliasname) != 0)
		return InvalidAttrNumber;
	return get_attnum(rootid, strVal(lsecond(fields)));
}

/* The TVIEW's column that shows the root's, with values of the same type. */
static AttrNumber
tview_column(const TviewDesc *desc, AttrNumber attno, Oid type)
{
	AttrNumber found = InvalidAttrNumber;

	if (attno == InvalidAttrNumber)
		return InvalidAttrNumber;
	if (attno == desc->key_root)
		found = desc->key;
	for (int i = 0; i < desc->nlookups && found == InvalidAttrNumber; i++)
		if (desc->lookups[i].tagger.attno == attno)
			found = desc->lookups[i].attno;
	if (found == InvalidAttrNumber ||
		TupleDescAttr(desc->tupdesc, found - 1)->atttypid != type ||
		get_atttype(desc->rootid, attno) != type)
		return InvalidAttrNumber;
	return found;
}

AttrNumber *
tview_rowtag_columns(const TviewDesc *desc)
{
	AttrNumber *columns = palloc(sizeof(AttrNumber) * desc->ntagspecs);
	MemoryContext context = AllocSetContextCreate(
		CurrentMemoryContext, "TVIEW tag query", ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	List *parsed = raw_parser(desc->tag_query, RAW_PARSE_DEFAULT);
	SelectStmt *select =
		castNode(SelectStmt, linitial_node(RawStmt, parsed)->stmt);
	RangeVar *root = find_root(select, desc->rootid);
	bool all =
		root && list_length(select->targetList) == desc->ntagspecs + 1;

	for (int i = 0; all && i < desc->ntagspecs; i++)
	{
		const TviewTagSpec *spec = &desc->tagspecs[i];
		ResTarget *target = list_nth_node(ResTarget, select->targetList, i + 1);

		columns[i] = spec->multiple
			? InvalidAttrNumber
			: tview_column(desc, root_column(target->val, root, desc->rootid),
						   spec->tagger.valtype);
		all = columns[i] != InvalidAttrNumber;
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return all ? columns : NULL;
}
