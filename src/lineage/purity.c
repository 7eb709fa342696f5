/*
 * purity.c
 *		Refuses what depends on more than tables and settings.
 *
 * A stored row must be what the view would return at any later time, as long
 * as no row of its tables changes.  So every function must depend on its
 * arguments alone, or on settings, which are compared at run time.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/pg_aggregate.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "compat.h"
#include "lineage/problem.h"
#include "lineage/purity.h"
#include "lineage/settings.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "parser/parsetree.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

typedef struct PurityWalk
{
	TviewAnalysis *cx;
	TviewLevel *level;
} PurityWalk;

/* Refuses a construct of the level's view. */
static void
refuse(PurityWalk *walk, const char *what, const char *why)
{
	tview_problem_set(
		walk->cx->lineage, ERRCODE_FEATURE_NOT_SUPPORTED,
		"A view behind a TVIEW may only use what depends on its tables alone.",
		"view \"%s\" uses %s, %s", tview_problem_relation(walk->level->viewid),
		what, why);
}

/* Refuses a user-defined function that is not immutable, or notes it. */
static void
check_user_function(PurityWalk *walk, Oid funcid)
{
	TviewLineage *lineage = walk->cx->lineage;
	char volatility = func_volatile(funcid);
	char *name = tview_problem_function(funcid);
	char *view = tview_problem_relation(walk->level->viewid);

	tview_settings_note_function(lineage, funcid);
	if (volatility == PROVOLATILE_IMMUTABLE)
		return;
	if (volatility == PROVOLATILE_VOLATILE)
		tview_problem_set(
			lineage, ERRCODE_FEATURE_NOT_SUPPORTED,
			"If its result depends on its arguments alone, use ALTER FUNCTION ... IMMUTABLE. If it reads tables, use ALTER FUNCTION ... STABLE and name the tables in the option \"depends_on\".",
			"view \"%s\" uses volatile function %s", view, name);
	else if (walk->cx->depends_on == NIL)
		tview_problem_set(
			lineage, ERRCODE_FEATURE_NOT_SUPPORTED,
			"If its result depends on its arguments alone, use ALTER FUNCTION ... IMMUTABLE. If it reads tables, name them in the option \"depends_on\".",
			"view \"%s\" uses stable function %s, whose tables are not known",
			view, name);
	else
		lineage->settings |= tview_settings_of_user_function(funcid);
}

/* The settings of values of the type in this form; refuses unreliable types. */
static void
check_type(PurityWalk *walk, Oid type, TviewForm form)
{
	TviewLineage *lineage = walk->cx->lineage;
	Oid culprit = InvalidOid;

	tview_settings_note_type(lineage, type);
	lineage->settings |= tview_settings_of_type(lineage, type, form, &culprit);
	if (OidIsValid(culprit))
		refuse(walk, psprintf("type %s", format_type_be(type)),
			   psprintf("whose function %s is not immutable",
						tview_problem_function(culprit)));
}

/* The sub-query that a whole-row Var stands for, NULL when it is none. */
static TviewLevel *
find_row_level(TviewLevel *level, Var *var)
{
	TviewLevel *owner = tview_level_outer(level, var->varlevelsup);

	return owner ? owner->items[var->varno - 1].sub : NULL;
}

/* Checks an argument that is taken in some form: records by their columns. */
static void
check_value(PurityWalk *walk, Node *expr, TviewForm form)
{
	Var *var = (Var *) expr;
	TviewLevel *sub;
	ListCell *lc;

	check_stack_depth();
	if (form == TVIEW_FORM_NONE || expr == NULL)
		return;
	if (IsA(expr, RowExpr))
	{
		foreach(lc, ((RowExpr *) expr)->args)
			check_value(walk, lfirst(lc), form);
		return;
	}
	sub = IsA(expr, Var) ? find_row_level(walk->level, var) : NULL;
	if (sub != NULL && var->varattno == 0)
	{
		PurityWalk inner = {.cx = walk->cx, .level = sub};

		foreach(lc, sub->query->targetList)
		{
			TargetEntry *tle = lfirst_node(TargetEntry, lc);

			if (!tle->resjunk)
				check_value(&inner, (Node *) tle->expr, form);
		}
		return;
	}
	if (sub != NULL && var->vartype == RECORDOID)
	{
		PurityWalk inner = {.cx = walk->cx, .level = sub};

		if (var->varattno <= list_length(sub->query->targetList))
		{
			check_value(&inner,
						(Node *) list_nth_node(TargetEntry,
											   sub->query->targetList,
											   var->varattno - 1)
							->expr,
						form);
			return;
		}
	}
	check_type(walk, exprType(expr), form);
}

/* Checks a function and how it takes its arguments. */
static void
check_function(PurityWalk *walk, Oid funcid, List *args, Oid result)
{
	int settings;
	TviewForm form;
	ListCell *lc;

	if (!OidIsValid(funcid))
		return;
	if (get_func_namespace(funcid) != PG_CATALOG_NAMESPACE)
	{
		check_user_function(walk, funcid);
		return;
	}
	if (func_volatile(funcid) == PROVOLATILE_IMMUTABLE)
	{
		walk->cx->lineage->settings |= tview_settings_of_immutable(funcid);
		return;
	}
	if (!tview_settings_of_function(funcid, &settings, &form))
	{
		refuse(walk, psprintf("function %s", tview_problem_function(funcid)),
			   "whose result may change although no table does");
		return;
	}
	walk->cx->lineage->settings |= settings;
	if (form == TVIEW_FORM_INPUT && result != RECORDOID)
		check_type(walk, result, form);
	else if (form != TVIEW_FORM_INPUT)
	{
		foreach(lc, args)
			check_value(walk, lfirst(lc), form);
	}
}

/* Is the level's only input a sub-query with ORDER BY? */
static bool
input_is_ordered(TviewLevel *level)
{
	int rtindex;

	if (!bms_get_singleton_member(level->members, &rtindex))
		return false;
	return level->items[rtindex - 1].sub != NULL &&
		level->items[rtindex - 1].sub->query->sortClause != NIL;
}

/* Warns of an aggregate whose result follows the order in which rows come. */
static void
warn_unordered(PurityWalk *walk, Aggref *agg)
{
	const char *names[] = {"jsonb_agg", "json_agg", "array_agg",
						   "string_agg", "xmlagg", "json_object_agg",
						   "jsonb_object_agg", "json_agg_strict",
						   "jsonb_agg_strict", "json_object_agg_strict",
						   "jsonb_object_agg_strict", "json_object_agg_unique",
						   "jsonb_object_agg_unique",
						   "json_object_agg_unique_strict",
						   "jsonb_object_agg_unique_strict"};
	char *name = get_func_name(agg->aggfnoid);

	if (agg->aggorder != NIL || agg->aggdistinct != NIL ||
		input_is_ordered(walk->level) ||
		get_func_namespace(agg->aggfnoid) != PG_CATALOG_NAMESPACE)
		return;
	for (size_t i = 0; i < lengthof(names); i++)
	{
		if (strcmp(name, names[i]) == 0)
			tview_problem_warn(
				walk->cx->lineage,
				"view \"%s\" uses %s() without ORDER BY: the order of its elements is not defined",
				tview_problem_relation(walk->level->viewid), name);
	}
	if (strcmp(name, "any_value") == 0)
		tview_problem_warn(
			walk->cx->lineage,
			"view \"%s\" uses any_value() without ORDER BY: which value that is is not defined",
			tview_problem_relation(walk->level->viewid));
}

/*
 * Checks the functions behind an aggregate, also when it stands over a window.
 */
static void
check_aggregate(PurityWalk *walk, Oid aggid, List *args)
{
	HeapTuple tuple;
	Form_pg_aggregate form;
	ListCell *lc;

	if (get_func_namespace(aggid) == PG_CATALOG_NAMESPACE)
	{
		/*
		 * json_agg, jsonb_object_agg_unique_strict and so on; the catalog calls
		 * some of them immutable
		 */
		if (strncmp(get_func_name(aggid), "json", 4) == 0)
			foreach(lc, args)
				check_value(walk, lfirst(lc), TVIEW_FORM_JSON);
		else if (func_volatile(aggid) != PROVOLATILE_IMMUTABLE)
			refuse(walk,
				   psprintf("aggregate %s", tview_problem_function(aggid)),
				   "whose result may change although no table does");
		return;
	}
	tview_settings_note_function(walk->cx->lineage, aggid);
	tuple = SearchSysCache1(AGGFNOID, ObjectIdGetDatum(aggid));
	if (!HeapTupleIsValid(tuple))
	{
		check_user_function(walk, aggid);
		return;
	}
	form = (Form_pg_aggregate) GETSTRUCT(tuple);
	check_function(walk, form->aggtransfn, NIL, InvalidOid);
	check_function(walk, form->aggfinalfn, NIL, InvalidOid);
	check_function(walk, form->aggmtransfn, NIL, InvalidOid);
	check_function(walk, form->aggminvtransfn, NIL, InvalidOid);
	check_function(walk, form->aggmfinalfn, NIL, InvalidOid);
	ReleaseSysCache(tuple);
}

/* The expressions of an aggregate's arguments. */
static List *
aggregate_arguments(Aggref *agg)
{
	List *args = NIL;
	ListCell *lc;

	foreach(lc, agg->args)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);

		if (!tle->resjunk)
			args = lappend(args, tle->expr);
	}
	return list_concat(args, agg->aggdirectargs);
}

/* Refuses CURRENT_TIMESTAMP, CURRENT_USER and the like. */
static void
check_value_function(PurityWalk *walk, SQLValueFunction *function)
{
	const char *name;

	switch (function->op)
	{
		case SVFOP_CURRENT_CATALOG:
			return;
		case SVFOP_CURRENT_DATE:
			name = "CURRENT_DATE";
			break;
		case SVFOP_CURRENT_TIME:
		case SVFOP_CURRENT_TIME_N:
			name = "CURRENT_TIME";
			break;
		case SVFOP_CURRENT_TIMESTAMP:
		case SVFOP_CURRENT_TIMESTAMP_N:
			name = "CURRENT_TIMESTAMP";
			break;
		case SVFOP_LOCALTIME:
		case SVFOP_LOCALTIME_N:
			name = "LOCALTIME";
			break;
		case SVFOP_LOCALTIMESTAMP:
		case SVFOP_LOCALTIMESTAMP_N:
			name = "LOCALTIMESTAMP";
			break;
		case SVFOP_CURRENT_ROLE:
			name = "CURRENT_ROLE";
			break;
		case SVFOP_CURRENT_USER:
			name = "CURRENT_USER";
			break;
		case SVFOP_USER:
			name = "USER";
			break;
		case SVFOP_SESSION_USER:
			name = "SESSION_USER";
			break;
		case SVFOP_CURRENT_SCHEMA:
			name = "CURRENT_SCHEMA";
			break;
		default:
			name = "a session value";
			break;
	}
	refuse(walk, name, "whose result may change although no table does");
}

/* Checks XML constructors and XMLTABLE. */
static void
check_xml(PurityWalk *walk, List *args, List *types)
{
	ListCell *lc;

	walk->cx->lineage->settings |= TVIEW_SETTINGS_XML;
	foreach(lc, args)
		check_value(walk, lfirst(lc), TVIEW_FORM_TEXT);
	foreach(lc, types)
		check_type(walk, lfirst_oid(lc), TVIEW_FORM_INPUT);
}

/* Checks SQL/JSON constructors and query functions; false for other nodes. */
static bool
check_json(PurityWalk *walk, Node *node)
{
	List *values;
	Oid type;
	ListCell *lc;

	switch (tview_compat_json(node, &values, &type))
	{
		case TVIEW_COMPAT_JSON_NONE:
			return false;
		case TVIEW_COMPAT_JSON_PART:
			return true;
		case TVIEW_COMPAT_JSON_MAKE:
			foreach(lc, values)
				check_value(walk, lfirst(lc), TVIEW_FORM_JSON);
			return true;
		case TVIEW_COMPAT_JSON_QUERY:
			/* paths compare moments, and items become text */
			walk->cx->lineage->settings |= TVIEW_SETTINGS_ANY;
			check_type(walk, type, TVIEW_FORM_INPUT);
			return true;
	}
	return false;
}

/*
 * Is it a node whose meaning follows from the nodes below it, or one that is
 * checked elsewhere?  What a later version may add is none.
 */
static bool
is_known(Node *node)
{
	switch (nodeTag(node))
	{
		case T_Aggref:
		case T_ArrayExpr:
		case T_BooleanTest:
		case T_BoolExpr:
		case T_CaseExpr:
		case T_CaseTestExpr:
		case T_CaseWhen:
		case T_CoalesceExpr:
		case T_CoerceToDomainValue:
		case T_CollateExpr:
		case T_CommonTableExpr:
		case T_ConvertRowtypeExpr:
		case T_CTECycleClause:
		case T_CTESearchClause:
		case T_DistinctExpr:
		case T_FieldStore:
		case T_FromExpr:
		case T_FuncExpr:
		case T_GroupingFunc:
		case T_GroupingSet:
		case T_JoinExpr:
		case T_List:
		case T_MinMaxExpr:
		case T_NamedArgExpr:
		case T_NullIfExpr:
		case T_NullTest:
		case T_OpExpr:
		case T_RangeTblRef:
		case T_RowCompareExpr:
		case T_ScalarArrayOpExpr:
		case T_SetOperationStmt:
		case T_SubLink:
		case T_SubscriptingRef:
		case T_TableSampleClause:
		case T_TargetEntry:
		case T_WindowClause:
		case T_WindowFunc:
			return true;
		default:
			return false;
	}
}

/* Checks nodes that call functions with arguments. */
static void
check_call(PurityWalk *walk, Node *node)
{
	if (IsA(node, FuncExpr))
	{
		FuncExpr *func = (FuncExpr *) node;

		check_function(walk, func->funcid, func->args, func->funcresulttype);
	}
	else if (IsA(node, OpExpr) || IsA(node, DistinctExpr) ||
			 IsA(node, NullIfExpr))
	{
		OpExpr *op = (OpExpr *) node;

		check_function(walk, get_opcode(op->opno), op->args, op->opresulttype);
	}
	else if (IsA(node, ScalarArrayOpExpr))
	{
		ScalarArrayOpExpr *op = (ScalarArrayOpExpr *) node;

		check_function(walk, get_opcode(op->opno), op->args, BOOLOID);
	}
	else if (IsA(node, Aggref))
	{
		Aggref *agg = (Aggref *) node;

		check_aggregate(walk, agg->aggfnoid, aggregate_arguments(agg));
		warn_unordered(walk, agg);
	}
	else if (IsA(node, WindowFunc))
	{
		WindowFunc *func = (WindowFunc *) node;

		if (func->winagg)
			check_aggregate(walk, func->winfnoid, func->args);
		else
			check_function(walk, func->winfnoid, func->args, func->wintype);
	}
	else if (IsA(node, RowCompareExpr))
	{
		ListCell *lc;

		foreach(lc, ((RowCompareExpr *) node)->opnos)
			check_function(walk, get_opcode(lfirst_oid(lc)), NIL, BOOLOID);
	}
}

static bool check_node(Node *node, void *context);

/* Checks nodes that convert or construct values. */
static void
check_conversion(PurityWalk *walk, Node *node)
{
	ListCell *lc;

	switch (nodeTag(node))
	{
		case T_CoerceViaIO:
			check_value(walk, (Node *) ((CoerceViaIO *) node)->arg,
						TVIEW_FORM_TEXT);
			check_type(walk, ((CoerceViaIO *) node)->resulttype,
					   TVIEW_FORM_INPUT);
			break;
		case T_SQLValueFunction:
			check_value_function(walk, (SQLValueFunction *) node);
			break;
		case T_NextValueExpr:
			refuse(walk, "a sequence", "whose value changes with every call");
			break;
		case T_XmlExpr:
			check_xml(walk,
					  list_concat_copy(((XmlExpr *) node)->named_args,
									   ((XmlExpr *) node)->args),
					  NIL);
			break;
		case T_TableFunc:
			check_xml(walk, NIL, ((TableFunc *) node)->coltypes);
			break;
		case T_RangeTblFunction:
			foreach(lc, ((RangeTblFunction *) node)->funccoltypes)
				check_type(walk, lfirst_oid(lc), TVIEW_FORM_INPUT);
			break;
		case T_SortGroupClause:
			check_function(walk, get_opcode(((SortGroupClause *) node)->eqop),
						   NIL, BOOLOID);
			break;
		case T_CoerceToDomain:
			tview_settings_note_type(walk->cx->lineage, exprType(node));
			(void) check_node(
				(Node *) tview_settings_constraints(exprType(node)), walk);
			break;
		case T_Var:
		case T_Const:
		case T_Param:
		case T_RelabelType:
		case T_RowExpr:
		case T_FieldSelect:
		case T_ArrayCoerceExpr:
			tview_settings_note_type(walk->cx->lineage, exprType(node));
			break;
		default:
			if (!is_known(node) && !check_json(walk, node))
				refuse(walk, psprintf("a construct (%d)", (int) nodeTag(node)),
					   "which tview_fdw does not know");
			break;
	}
}

/* Checks the expressions of one level. */
static bool
check_node(Node *node, void *context)
{
	PurityWalk *walk = context;

	if (node == NULL || IsA(node, Query))
		return false;
	check_call(walk, node);
	check_conversion(walk, node);
	if (walk->cx->lineage->problem != NULL)
		return true;
	return expression_tree_walker(node, check_node, context);
}

void
tview_purity_check(TviewAnalysis *cx)
{
	PurityWalk walk = {.cx = cx};
	ListCell *lc;

	foreach(lc, cx->levels)
	{
		walk.level = lfirst(lc);
		if (tview_level_walk(walk.level, check_node, &walk))
			return;
	}
}

void
tview_purity_check_column(TviewAnalysis *cx, Oid viewid, Node *expr)
{
	/* a query that reads the table alone */
	TviewItem item = {0};
	TviewLevel level = {.viewid = viewid, .items = &item};
	PurityWalk walk = {.cx = cx, .level = &level};

	(void) check_node(expr, &walk);
}
