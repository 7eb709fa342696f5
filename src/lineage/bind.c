/*
 * bind.c
 *		Finds out which equalities reach the rows of each base table.
 *
 * A fact "node.column = value" says: rows of the node's table with another
 * value in the column cannot matter to a row of the view for which the
 * value's own row matters.  Starting from the root, nodes become bound one by
 * one, the cheapest fact first.  A bound node's rows are then found along the
 * chain of facts alone, without the view's other conditions.
 */
#include "postgres.h"

#include "access/hash.h"
#include "access/htup_details.h"
#include "access/stratnum.h"
#include "catalog/pg_am.h"
#include "catalog/pg_amop.h"
#include "catalog/pg_type.h"
#include "lineage/bind.h"
#include "lineage/quals.h"
#include "lineage/relation.h"
#include "lineage/resolve.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "utils/catcache.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

/* What a fact costs when it binds: few rows first, then few tags. */
enum
{
	RATE_ROW,		   /* one row by a unique index */
	RATE_ROWS,		   /* likewise, for each of several values */
	RATE_CONSTANT_ROW, /* one and the same row for all */
	RATE_CONSTANT_ROWS,
	RATE_CHILDREN,		/* rows that refer to one row */
	RATE_ROWS_CHILDREN, /* rows that refer to several rows */
	RATE_MATCHES,		/* neither side is unique */
	RATE_ROWS_MATCHES,
	RATE_CONSTANT /* all rows with some constant */
};

/* One side of an equality. */
typedef struct Operand
{
	List *targets; /* of TviewTarget */
	Relids scope;  /* entries that the condition restricts at the level */
	Const *constant;
	Oid type; /* the operator's input type */
} Operand;

/* Collects facts. */
typedef struct Collector
{
	TviewLevel *level;
	List *facts;
} Collector;

/* How the equality is written. */
typedef struct Equality
{
	Oid opno;
	Oid collation;
	Oid opfamily;
	bool each; /* the right side is an array */
} Equality;

Oid
tview_bind_opfamily(Oid opno, Oid collation, Oid *lefttype, Oid *righttype)
{
	CatCList *list = SearchSysCacheList1(AMOPOPID, ObjectIdGetDatum(opno));
	Oid result = InvalidOid;

	for (int i = 0; i < list->n_members && !OidIsValid(result); i++)
	{
		Form_pg_amop amop = (Form_pg_amop) GETSTRUCT(&list->members[i]->tuple);

		if (amop->amopmethod != HASH_AM_OID ||
			amop->amopstrategy != HTEqualStrategyNumber)
			continue;
		if (!OidIsValid(get_opfamily_proc(amop->amopfamily, amop->amoplefttype,
										  amop->amoplefttype,
										  HASHEXTENDED_PROC)) ||
			!OidIsValid(get_opfamily_proc(amop->amopfamily, amop->amoprighttype,
										  amop->amoprighttype,
										  HASHEXTENDED_PROC)))
			continue;
		result = amop->amopfamily;
		*lefttype = amop->amoplefttype;
		*righttype = amop->amoprighttype;
	}
	ReleaseSysCacheList(list);
	if (!OidIsValid(result) || !op_strict(opno))
		return InvalidOid;
	if (OidIsValid(collation) && !get_collation_isdeterministic(collation))
		return InvalidOid;
	return result;
}

/* One of the types of the operator family integer_ops. */
static bool
is_integer(Oid type)
{
	return type == INT2OID || type == INT4OID || type == INT8OID;
}

/*
 * Are values of the column's type hashed as values of the operator's input
 * type?
 */
static bool
type_fits(Oid columntype, Oid inputtype)
{
	Oid base = getBaseType(columntype);

	if (IsPolymorphicType(inputtype))
		return inputtype == ANYENUMOID && get_typtype(base) == TYPTYPE_ENUM;
	return base == inputtype || (base == VARCHAROID && inputtype == TEXTOID) ||
		(is_integer(base) && is_integer(inputtype));
}

/* Compares integers as they are stored, without the casts that the view has. */
static void
narrow_integers(TviewFact *fact)
{
	Oid nodetype = getBaseType(get_atttype(fact->node->relid, fact->attno));
	Oid valtype;
	Oid opno;

	if (fact->each)
		valtype = fact->valtype;
	else if (fact->source != NULL)
		valtype =
			getBaseType(get_atttype(fact->source->relid, fact->source_attno));
	else if (fact->constant != NULL)
		valtype = fact->constant->consttype;
	else
		return;
	if (!is_integer(nodetype) || !is_integer(valtype) ||
		!is_integer(fact->nodetype))
		return;
	opno = get_opfamily_member(fact->opfamily, nodetype, valtype,
							   HTEqualStrategyNumber);
	if (!OidIsValid(opno))
		return;
	fact->nodetype = nodetype;
	fact->valtype = valtype;
	fact->opno = opno;
	fact->flipped = false;
}

/* Adds a fact for a restricted target. */
static void
add_fact(Collector *collector, TviewTarget *target, const Operand *side,
		 const Operand *value, const Equality *equality, bool flipped)
{
	TviewFact *fact;
	TviewTarget *source = NULL;
	Oid columntype;

	if (!target->pushable || !bms_is_member(target->rtindex, side->scope) ||
		target->node->level->opaque)
		return;
	columntype = get_atttype(target->node->relid, target->attno);
	if (!type_fits(columntype, side->type))
		return;
	if (value->constant == NULL)
	{
		source = linitial(value->targets);
		if (source->alternative || source->node == target->node)
			return;
	}
	fact = palloc0(sizeof(TviewFact));
	fact->node = target->node;
	fact->attno = target->attno;
	fact->source = source ? source->node : NULL;
	fact->source_attno = source ? source->attno : InvalidAttrNumber;
	fact->constant = value->constant;
	fact->each = equality->each;
	fact->opno = equality->opno;
	fact->flipped = flipped;
	fact->collation = equality->collation;
	fact->opfamily = equality->opfamily;
	fact->nodetype =
		IsPolymorphicType(side->type) ? getBaseType(columntype) : side->type;
	fact->valtype =
		IsPolymorphicType(value->type) ? fact->nodetype : value->type;
	narrow_integers(fact);
	collector->facts = lappend(collector->facts, fact);
}

/* Adds the facts that follow from left = right. */
static void
add_equality(Collector *collector, const Operand *left, const Operand *right,
			 const Equality *equality)
{
	ListCell *lc;

	foreach(lc, left->targets)
		add_fact(collector, lfirst(lc), left, right, equality, false);
	if (equality->each)
		return;
	foreach(lc, right->targets)
		add_fact(collector, lfirst(lc), right, left, equality, true);
}

/*
 * Reads one side of an equality at the level; false when it is nothing known.
 */
static bool
read_operand(TviewLevel *level, Node *expr, Relids scope, TviewLevel *sub,
			 Operand *operand)
{
	Node *stripped = tview_resolve_strip(expr);

	operand->scope = scope;
	if (stripped == NULL)
		return false;
	if (IsA(stripped, Const))
	{
		operand->constant = (Const *) stripped;
		return !operand->constant->constisnull;
	}
	if (IsA(stripped, Param) &&
		((Param *) stripped)->paramkind == PARAM_SUBLINK && sub != NULL)
	{
		ListCell *lc;

		/* the sub-select's rows are restricted as a whole */
		operand->targets =
			tview_resolve_output(sub, ((Param *) stripped)->paramid);
		foreach(lc, operand->targets)
			((TviewTarget *) lfirst(lc))->rtindex = 1;
		operand->scope = bms_make_singleton(1);
		return operand->targets != NIL;
	}
	operand->targets = tview_resolve_expr(level, stripped);
	return operand->targets != NIL;
}

/* Reads left = right. */
static void
read_equality(Collector *collector, OpExpr *op, Relids scope, TviewLevel *sub)
{
	Operand left = {0};
	Operand right = {0};
	Equality equality = {.opno = op->opno, .collation = op->inputcollid};

	if (list_length(op->args) != 2)
		return;
	equality.opfamily =
		tview_bind_opfamily(op->opno, op->inputcollid, &left.type, &right.type);
	if (OidIsValid(equality.opfamily) &&
		read_operand(collector->level, linitial(op->args), scope, sub, &left) &&
		read_operand(collector->level, lsecond(op->args), scope, sub, &right))
		add_equality(collector, &left, &right, &equality);
}

/* The array of constants as one constant, NULL when it is anything else. */
static Const *
fold_array(Node *expr)
{
	ListCell *lc;
	Node *folded;

	if (expr == NULL || !IsA(expr, ArrayExpr) ||
		((ArrayExpr *) expr)->multidims)
		return NULL;
	foreach(lc, ((ArrayExpr *) expr)->elements)
	{
		if (!IsA(lfirst(lc), Const))
			return NULL;
	}
	folded = eval_const_expressions(NULL, copyObject(expr));
	return IsA(folded, Const) ? (Const *) folded : NULL;
}

/* Reads column = ANY (array). */
static void
read_array_equality(Collector *collector, ScalarArrayOpExpr *op, Relids scope)
{
	Operand left = {0};
	Operand right = {0};
	Equality equality = {
		.opno = op->opno, .collation = op->inputcollid, .each = true};
	Node *array = lsecond(op->args);

	if (!op->useOr)
		return;
	equality.opfamily =
		tview_bind_opfamily(op->opno, op->inputcollid, &left.type, &right.type);
	if (!OidIsValid(equality.opfamily) ||
		!read_operand(collector->level, linitial(op->args), scope, NULL, &left))
		return;
	right.constant = fold_array(tview_resolve_strip(array));
	if (right.constant == NULL &&
		!read_operand(collector->level, array, scope, NULL, &right))
		return;
	add_equality(collector, &left, &right, &equality);
}

/* An outer query's Var as that query itself sees it, NULL when it is none. */
static Node *
raise_var(Node *expr)
{
	Var *var = (Var *) tview_resolve_strip(expr);

	if (var == NULL || !IsA(var, Var) || var->varlevelsup != 1)
		return NULL;
	var = copyObject(var);
	var->varlevelsup = 0;
	return (Node *) var;
}

/*
 * Reads what a sub-select in a condition says about the level: when a row of
 * it must exist, then one that fulfils its WHERE, so that outer columns equal
 * inner ones.
 */
static void
read_existence(Collector *collector, TviewLevel *sub, Relids scope)
{
	Query *query = sub->query;
	ListCell *lc;

	if (query->hasAggs || query->groupClause != NIL ||
		query->groupingSets != NIL || query->havingQual != NULL ||
		query->setOperations != NULL)
		return;
	foreach(lc, tview_quals_collect(query))
	{
		TviewQual *qual = lfirst(lc);
		OpExpr *op = (OpExpr *) qual->clause;
		Equality equality = {0};
		Operand side[2] = {{0}, {0}};

		if (!qual->where || !IsA(op, OpExpr) || list_length(op->args) != 2)
			continue;
		equality.opno = op->opno;
		equality.collation = op->inputcollid;
		equality.opfamily = tview_bind_opfamily(op->opno, op->inputcollid,
												&side[0].type, &side[1].type);
		if (!OidIsValid(equality.opfamily))
			continue;
		for (int i = 0; i < 2; i++)
		{
			Node *outer = raise_var(list_nth(op->args, i));

			if (outer != NULL && raise_var(list_nth(op->args, 1 - i)) == NULL &&
				read_operand(collector->level, outer, scope, NULL, &side[i]) &&
				read_operand(sub, list_nth(op->args, 1 - i), NULL, NULL,
							 &side[1 - i]))
				add_equality(collector, &side[0], &side[1], &equality);
		}
	}
}

/* Reads one condition of a level. */
static void
read_clause(Collector *collector, Node *clause, Relids scope)
{
	if (IsA(clause, OpExpr))
		read_equality(collector, (OpExpr *) clause, scope, NULL);
	else if (IsA(clause, ScalarArrayOpExpr))
		read_array_equality(collector, (ScalarArrayOpExpr *) clause, scope);
	else if (IsA(clause, SubLink) &&
			 (((SubLink *) clause)->subLinkType == ANY_SUBLINK ||
			  ((SubLink *) clause)->subLinkType == EXISTS_SUBLINK))
	{
		SubLink *sublink = (SubLink *) clause;
		TviewLevel *sub = tview_level_sublink(collector->level, sublink);
		Node *test = sublink->testexpr;
		ListCell *lc;

		if (sub == NULL)
			return;
		read_existence(collector, sub, scope);
		if (test == NULL)
			return;
		if (IsA(test, OpExpr))
			read_equality(collector, (OpExpr *) test, scope, sub);
		else if (is_andclause(test))
		{
			foreach(lc, ((BoolExpr *) test)->args)
			{
				if (IsA(lfirst(lc), OpExpr))
					read_equality(collector, lfirst(lc), scope, sub);
			}
		}
	}
}

/* All facts of the view. */
static List *
collect_facts(TviewAnalysis *cx)
{
	Collector collector = {0};
	ListCell *lc;
	ListCell *lq;

	foreach(lc, cx->levels)
	{
		collector.level = lfirst(lc);
		CHECK_FOR_INTERRUPTS();
		foreach(lq, tview_quals_collect(collector.level->query))
		{
			TviewQual *qual = lfirst(lq);

			read_clause(&collector, qual->clause, qual->scope);
		}
	}
	return collector.facts;
}

/*
 * Replaces the value by the one that its own node is bound by, when it is the
 * very column: rows of that node have no other value there.
 */
static void
shorten_fact(TviewFact *fact)
{
	while (fact->source != NULL && fact->source->fact != NULL)
	{
		TviewFact *outer = fact->source->fact;
		Oid opno;

		if (fact->source->twin != NULL)
			fact->source = fact->source->twin;
		if (fact->each || outer->attno != fact->source_attno ||
			outer->opfamily != fact->opfamily)
			return;
		opno = get_opfamily_member(fact->opfamily, fact->nodetype,
								   outer->valtype, HTEqualStrategyNumber);
		if (fact->nodetype == outer->nodetype &&
			outer->nodetype == outer->valtype)
			opno = fact->opno;
		if (!OidIsValid(opno))
			return;
		fact->opno = opno;
		fact->flipped = false;
		fact->source = outer->source;
		fact->source_attno = outer->source_attno;
		fact->constant = outer->constant;
		fact->each = outer->each;
		fact->valtype = outer->valtype;
	}
}

/*
 * Are the node's rows all those with some constant: too many to look further
 * from there?
 */
static bool
is_wide(TviewNode *node)
{
	return node->fact != NULL && node->fact->source == NULL && !node->single;
}

/* What binding by the fact costs; negative when it cannot bind now. */
static int
rate_fact(TviewAnalysis *cx, TviewFact *fact)
{
	bool unique;
	bool single;

	if (fact->node->bound || (fact->source != NULL && !fact->source->bound))
		return -1;
	shorten_fact(fact);
	if (fact->source != NULL && is_wide(fact->source))
		return -1;
	unique = tview_relation_is_unique(fact->node->relid, fact->node->inh,
									  fact->attno, fact->opno);
	if (fact->source == NULL)
		return unique ? (fact->each ? RATE_CONSTANT_ROWS : RATE_CONSTANT_ROW)
					  : RATE_CONSTANT;
	single = !fact->each &&
		(fact->source->single ||
		 (fact->source == cx->root &&
		  fact->source_attno == cx->lineage->key_root));
	if (unique)
		return single ? RATE_ROW : RATE_ROWS;
	if (!fact->each &&
		tview_relation_is_unique(fact->source->relid, fact->source->inh,
								 fact->source_attno, InvalidOid))
		return single ? RATE_CHILDREN : RATE_ROWS_CHILDREN;
	return single ? RATE_MATCHES : RATE_ROWS_MATCHES;
}

/*
 * An earlier node of the list that is bound by the same fact, NULL when there
 * is none.
 */
static TviewNode *
find_twin(TviewAnalysis *cx, TviewFact *fact)
{
	ListCell *lc;

	foreach(lc, cx->nodes)
	{
		TviewNode *node = lfirst(lc);
		TviewFact *other = node->fact;

		if (node != fact->node && node->bound && other != NULL &&
			node->twin == NULL && node->relid == fact->node->relid &&
			node->inh == fact->node->inh && other->attno == fact->attno &&
			other->source == fact->source &&
			other->source_attno == fact->source_attno &&
			other->each == fact->each && other->opno == fact->opno &&
			other->flipped == fact->flipped &&
			other->collation == fact->collation &&
			other->nodetype == fact->nodetype &&
			other->valtype == fact->valtype &&
			equal(other->constant, fact->constant))
			return node;
	}
	return NULL;
}

/* Binds a node. */
static void
bind_node(TviewAnalysis *cx, TviewFact *fact, int rate)
{
	fact->node->bound = true;
	fact->node->fact = fact;
	fact->node->single = rate == RATE_ROW || rate == RATE_CONSTANT_ROW;
	fact->node->twin = find_twin(cx, fact);
}

void
tview_bind_nodes(TviewAnalysis *cx)
{
	List *facts = collect_facts(cx);

	cx->root->bound = true;
	for (;;)
	{
		TviewFact *best = NULL;
		int best_rate = 0;
		ListCell *lc;

		foreach(lc, facts)
		{
			TviewFact *fact = lfirst(lc);
			int rate = rate_fact(cx, fact);

			if (rate >= 0 && (best == NULL || rate < best_rate))
			{
				best = fact;
				best_rate = rate;
			}
		}
		if (best == NULL)
			break;
		bind_node(cx, best, best_rate);
	}
}
