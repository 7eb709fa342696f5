/*
 * relation.c
 *		What kind of relation a view reads, and the queries of views.
 *
 * Only catalogs are read.  Relations are opened without a lock and
 * released at once: callers that need the definition to stand still hold
 * locks of their own, and the fingerprint tells changes.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/sysattr.h"
#include "access/table.h"
#include "catalog/catalog.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_index.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "compat.h"
#include "foreign/foreign.h"
#include "lineage/problem.h"
#include "lineage/relation.h"
#include "nodes/makefuncs.h"
#include "rewrite/rewriteHandler.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/relcache.h"
#include "utils/syscache.h"
#include "utils/varlena.h"

bool
tview_relation_is_tview(Oid relid)
{
	ForeignServer *server;

	if (get_rel_relkind(relid) != RELKIND_FOREIGN_TABLE)
		return false;
	server = GetForeignServer(GetForeignTable(relid)->serverid);
	return strcmp(GetForeignDataWrapper(server->fdwid)->fdwname, "tview_fdw") ==
		0;
}

/* Splits [schema.]name; false when it is not a name. */
static bool
split_name(const char *text, char **schema, char **name)
{
	List *parts;

	if (!SplitIdentifierString(pstrdup(text), '.', &parts) ||
		list_length(parts) < 1 || list_length(parts) > 2)
		return false;
	*name = llast(parts);
	*schema = list_length(parts) == 2 ? linitial(parts) : NULL;
	return true;
}

Oid
tview_relation_backing(Oid relid)
{
	ForeignTable *table = GetForeignTable(relid);
	ListCell *lc;

	foreach(lc, table->options)
	{
		DefElem *option = lfirst_node(DefElem, lc);
		char *schema;
		char *name;
		Oid found;

		if (strcmp(option->defname, "view") != 0)
			continue;
		if (!split_name(defGetString(option), &schema, &name))
			return InvalidOid;
		if (schema != NULL)
		{
			Oid schemaid = get_namespace_oid(schema, true);

			return OidIsValid(schemaid) ? get_relname_relid(name, schemaid)
										: InvalidOid;
		}
		found = get_relname_relid(name, get_rel_namespace(relid));
		return OidIsValid(found) ? found : RelnameGetRelid(name);
	}
	return InvalidOid;
}

Relation
tview_relation_try_open(Oid relid)
{
	return RelationIdGetRelation(relid);
}

Relation
tview_relation_open(Oid relid)
{
	Relation rel = tview_relation_try_open(relid);

	if (!RelationIsValid(rel))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation with OID %u does not exist", relid)));
	return rel;
}

void
tview_relation_close(Relation rel)
{
	RelationClose(rel);
}

/* Refuses views that cannot be computed for everybody. */
static TviewRelationKind
check_view(TviewLineage *lineage, Oid relid)
{
	Relation rel = tview_relation_open(relid);
	bool invoker = RelationHasSecurityInvoker(rel);

	tview_relation_close(rel);
	if (invoker)
	{
		tview_problem_set(lineage, ERRCODE_FEATURE_NOT_SUPPORTED,
						  "Use ALTER VIEW ... RESET (security_invoker).",
						  "view \"%s\" has the option security_invoker",
						  tview_problem_relation(relid));
		return TVIEW_RELATION_REFUSED;
	}
	return TVIEW_RELATION_VIEW;
}

TviewRelationKind
tview_relation_kind(TviewLineage *lineage, Oid relid, Oid readerid)
{
	char relkind = get_rel_relkind(relid);
	char persistence = relkind ? get_rel_persistence(relid) : 0;
	Oid schemaid = get_rel_namespace(relid);
	const char *what;

	if (relkind == 0)
		what = "dropped relation";
	else if (IsCatalogNamespace(schemaid) || IsToastNamespace(schemaid) ||
			 relid < FirstNormalObjectId)
		what = "system catalog or information schema relation";
	else if (persistence == RELPERSISTENCE_TEMP)
		what = "temporary relation";
	else if (persistence == RELPERSISTENCE_UNLOGGED)
		what = "unlogged table";
	else if (relkind == RELKIND_RELATION ||
			 relkind == RELKIND_PARTITIONED_TABLE)
		return TVIEW_RELATION_BASE;
	else if (relkind == RELKIND_VIEW)
		return check_view(lineage, relid);
	else if (relkind == RELKIND_FOREIGN_TABLE)
	{
		if (tview_relation_is_tview(relid))
			return TVIEW_RELATION_TVIEW;
		what = "foreign table";
	}
	else if (relkind == RELKIND_MATVIEW)
		what = "materialized view";
	else
		what = "relation of an unsupported kind";

	tview_problem_set(
		lineage, ERRCODE_FEATURE_NOT_SUPPORTED,
		"A view behind a TVIEW may read permanent tables, partitioned tables, views and TVIEWs.",
		"view \"%s\" reads %s \"%s\", whose changes cannot be followed",
		tview_problem_relation(readerid), what, tview_problem_relation(relid));
	return TVIEW_RELATION_REFUSED;
}

/* A null of the type of a column, for columns that are dropped or unknown. */
static Expr *
make_null(Form_pg_attribute attr)
{
	if (attr->attisdropped)
		return (Expr *) makeNullConst(INT4OID, -1, InvalidOid);
	return (Expr *) makeNullConst(attr->atttypid, attr->atttypmod,
								  attr->attcollation);
}

bool
tview_relation_holds_text(Oid type, Oid viewtype)
{
	return type == JSONOID && viewtype == JSONBOID;
}

/* The view's column, as the TVIEW's column has it. */
static Expr *
make_column(Form_pg_attribute attr, Oid viewid, AttrNumber attno)
{
	Oid type;
	int32 typmod;
	Oid collation;
	CoerceViaIO *cast;

	get_atttypetypmodcoll(viewid, attno, &type, &typmod, &collation);
	if (!tview_relation_holds_text(attr->atttypid, type))
		return (Expr *) makeVar(1, attno, type, typmod, collation, 0);
	cast = makeNode(CoerceViaIO);
	cast->arg = (Expr *) makeVar(1, attno, type, typmod, collation, 0);
	cast->resulttype = attr->atttypid;
	cast->resultcollid = attr->attcollation;
	cast->coerceformat = COERCE_EXPLICIT_CAST;
	cast->location = -1;
	return (Expr *) cast;
}

/* SELECT the TVIEW's columns, by name, FROM its backing view. */
static Query *
make_tview_query(TviewLineage *lineage, Oid relid)
{
	Oid viewid = tview_relation_backing(relid);
	Query *query = makeNode(Query);
	RangeTblEntry *rte = makeNode(RangeTblEntry);
	RangeTblRef *ref = makeNode(RangeTblRef);
	Relation rel;

	if (!OidIsValid(viewid) || get_rel_relkind(viewid) != RELKIND_VIEW)
	{
		tview_problem_set(lineage, ERRCODE_UNDEFINED_TABLE, NULL,
						  "TVIEW \"%s\" has no backing view",
						  tview_problem_relation(relid));
		return NULL;
	}
	rte->rtekind = RTE_RELATION;
	rte->relid = viewid;
	rte->relkind = RELKIND_VIEW;
	rte->rellockmode = AccessShareLock;
	rte->inh = true;
	rte->inFromCl = true;
	rte->eref = makeAlias("view", NIL);
	ref->rtindex = 1;
	query->commandType = CMD_SELECT;
	query->rtable = list_make1(rte);
	query->jointree = makeFromExpr(list_make1(ref), NULL);

	rel = tview_relation_open(relid);
	for (int i = 0; i < RelationGetNumberOfAttributes(rel); i++)
	{
		Form_pg_attribute attr = TupleDescAttr(RelationGetDescr(rel), i);
		AttrNumber attno = attr->attisdropped
			? InvalidAttrNumber
			: get_attnum(viewid, NameStr(attr->attname));
		Expr *expr = attno == InvalidAttrNumber
			? make_null(attr)
			: make_column(attr, viewid, attno);

		query->targetList =
			lappend(query->targetList,
					makeTargetEntry(expr, i + 1,
									pstrdup(NameStr(attr->attname)), false));
	}
	tview_relation_close(rel);
	return query;
}

Query *
tview_relation_query(TviewLineage *lineage, Oid relid, TviewRelationKind kind)
{
	Relation rel;
	Query *query;

	if (kind == TVIEW_RELATION_TVIEW)
		return make_tview_query(lineage, relid);
	rel = tview_relation_open(relid);
	query = copyObject(get_view_query(rel));
	tview_relation_close(rel);
	return query;
}

bool
tview_relation_has_children(Oid relid)
{
	return get_rel_relkind(relid) == RELKIND_RELATION && has_subclass(relid) &&
		find_inheritance_children(relid, NoLock) != NIL;
}

bool
tview_relation_is_detaching(Oid relid)
{
	bool detaching = false;

	/* all children, whatever the snapshot */
	if (get_rel_relkind(relid) == RELKIND_PARTITIONED_TABLE)
		(void) find_inheritance_children_extended(relid, false, NoLock,
												  &detaching, NULL);
	return detaching;
}

bool
tview_relation_is_not_null(Oid relid, AttrNumber attno)
{
	Relation rel = tview_relation_try_open(relid);
	bool result;

	if (rel == NULL)
		return false;
	result = attno > 0 && attno <= RelationGetNumberOfAttributes(rel) &&
		tview_compat_is_not_null(RelationGetDescr(rel), attno - 1);
	tview_relation_close(rel);
	return result;
}

Node *
tview_relation_virtual_expression(Oid relid, AttrNumber attno)
{
	Relation rel = tview_relation_open(relid);
	Node *expr = tview_compat_virtual_expression(rel, attno);

	tview_relation_close(rel);
	return expr;
}

/* Is the index a usable one on attno alone, with the operator's equality? */
static bool
index_is_unique_on(Relation index, AttrNumber attno, Oid opno)
{
	Form_pg_index form = index->rd_index;

	if (!form->indisunique || !form->indimmediate || !form->indisvalid ||
		form->indnkeyatts != 1 || form->indkey.values[0] != attno)
		return false;
	if (!heap_attisnull(index->rd_indextuple, Anum_pg_index_indpred, NULL))
		return false;
	return !OidIsValid(opno) || op_in_opfamily(opno, index->rd_opfamily[0]);
}

bool
tview_relation_is_unique(Oid relid, bool inh, AttrNumber attno, Oid opno)
{
	Relation rel;
	bool found = false;
	ListCell *lc;

	if (inh && tview_relation_has_children(relid))
		return false;
	rel = tview_relation_open(relid);
	foreach(lc, RelationGetIndexList(rel))
	{
		Relation index = tview_relation_open(lfirst_oid(lc));

		found = found || index_is_unique_on(index, attno, opno);
		tview_relation_close(index);
	}
	tview_relation_close(rel);
	return found;
}
