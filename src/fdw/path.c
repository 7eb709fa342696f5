/*
 * path.c
 *		The ways to scan a TVIEW that the planner may choose from.
 *
 * For each set of outer relations that can supply values (the empty one
 * first), at the most: by key; by the best look-up column; everything that
 * the key's bounds leave, in any order; and, without join clauses, the same
 * in the order that the query asks for or that a merge join could use.
 *
 * A path remembers its kind, direction and driving column only.  The clauses
 * are matched again when it becomes a plan, since they may have been
 * translated to a child relation meanwhile.
 */
#include "postgres.h"

#include "compat.h"
#include "fdw/path.h"

#include "access/stratnum.h"
#include "fdw/condition.h"
#include "fdw/cost.h"
#include "fdw/pathkey.h"
#include "optimizer/pathnode.h"
#include "optimizer/paths.h"
#include "optimizer/restrictinfo.h"

/* The clauses at hand for one set of outer relations. */
typedef struct PathSource
{
	PlannerInfo *root;
	RelOptInfo *baserel;
	TviewDesc *desc;
	List *matches;
	Relids required_outer;
	double rows;
	int nclauses;  /* from the join, checked per row at worst */
	bool is_plain; /* no outer relation: may have pathkeys */
} PathSource;

/* Adds one path of the given kind; fetched is what it reads. */
static void
add_scan_path(PathSource *source, TviewPathChoice choice, double probes,
			  double fetched, List *pathkeys)
{
	TviewScanShape shape = {0};
	ForeignPath *path;
	Cost startup;
	Cost total;

	shape.kind = choice.kind;
	shape.ordered = choice.direction != 0;
	shape.probes = probes;
	shape.fetched = fetched;
	shape.rows = source->rows;
	shape.nclauses = source->nclauses;
	tview_cost_scan(source->desc, &source->baserel->baserestrictcost,
					source->baserel->reltarget, &shape, &startup, &total);
	path = tview_compat_scan_path(source->root, source->baserel, source->rows,
								  startup, total, pathkeys,
								  source->required_outer,
								  list_make3_int(choice.kind, choice.direction,
												 choice.driver));
	add_path(source->baserel, (Path *) path);
}

/*
 * Adds the scan by key, if there is an equality on it.  Returns true when no
 * other scan can be better: one key.
 */
static bool
add_key_path(PathSource *source)
{
	TviewPathChoice choice = {TVIEW_SCAN_KEYS, 0, source->desc->key};
	TviewMatch *driver = tview_condition_driver(source->matches, choice.driver);
	double probes;

	if (driver == NULL)
		return false;
	probes = tview_cost_values(source->root, driver->value,
							   driver->condition.is_array);
	add_scan_path(source, choice, probes, probes, NIL);
	return !driver->condition.is_array;
}

/*
 * Returns the rows that a look-up reads.  All equalities on the column count:
 * the planner gives one that it takes to follow from another no selectivity.
 */
static double
lookup_fetched(PathSource *source, TviewLookup *lookup)
{
	List *equalities = NIL;
	ListCell *lc;

	foreach(lc, source->matches)
	{
		if (((TviewMatch *) lfirst(lc))->lookup == lookup)
			equalities = lappend(equalities, lfirst(lc));
	}
	return tview_cost_fetched(source->root, source->baserel, equalities);
}

/*
 * Adds the scan by the look-up column that finds the fewest rows, if there is
 * one.  Returns true when no other scan can be better: one unique value.
 */
static bool
add_lookup_path(PathSource *source)
{
	TviewPathChoice choice = {TVIEW_SCAN_LOOKUP, 0, 0};
	TviewMatch *best = NULL;
	double best_probes = 0;
	double best_fetched = 0;
	bool is_one_row;

	for (int i = 0; i < source->desc->nlookups; i++)
	{
		TviewLookup *lookup = &source->desc->lookups[i];
		TviewMatch *driver = tview_condition_driver(source->matches,
													lookup->attno);
		double probes;
		double fetched;

		if (driver == NULL)
			continue;
		probes = tview_cost_values(source->root, driver->value,
								   driver->condition.is_array);
		if (lookup->is_unique)
			fetched = probes;
		else
			fetched = lookup_fetched(source, lookup);
		if (best == NULL || fetched < best_fetched ||
			(fetched == best_fetched && lookup->is_unique &&
			 !best->lookup->is_unique))
		{
			best = driver;
			best_probes = probes;
			best_fetched = fetched;
		}
	}
	if (best == NULL)
		return false;

	is_one_row = best->lookup->is_unique && !best->condition.is_array;
	choice.driver = best->condition.attno;
	add_scan_path(source, choice, best_probes, best_fetched, NIL);
	return is_one_row;
}

/*
 * Adds scans of all rows within the key's bounds: in any order, and in useful
 * ones.
 */
static void
add_range_paths(PathSource *source)
{
	TviewPathChoice choice = {TVIEW_SCAN_FULL, 0, 0};
	List *bounds = NIL;
	List *orders;
	double fetched = source->baserel->tuples;
	ListCell *lc;

	foreach(lc, source->matches)
	{
		if (tview_condition_is_bound(lfirst(lc)))
			bounds = lappend(bounds, lfirst(lc));
	}
	if (bounds != NIL)
	{
		choice.kind = TVIEW_SCAN_RANGE;
		fetched = tview_cost_fetched(source->root, source->baserel, bounds);
	}
	add_scan_path(source, choice, 1, fetched, NIL);
	if (!source->is_plain)
		return;

	orders = tview_pathkey_orders(source->root, source->baserel, source->desc);
	foreach(lc, orders)
	{
		List *pathkeys = lfirst(lc);
		PathKey *first = linitial_node(PathKey, pathkeys);

		choice.direction = tview_compat_is_descending(first) ? -1 : 1;
		add_scan_path(source, choice, 1, fetched, pathkeys);
	}
}

/* Adds all paths for one set of outer relations. */
static void
add_paths_for(PlannerInfo *root, RelOptInfo *baserel, Relids required_outer)
{
	TviewRelation *relation = baserel->fdw_private;
	ParamPathInfo *param = get_baserel_parampathinfo(root, baserel,
													 required_outer);
	PathSource source = {0};

	source.root = root;
	source.baserel = baserel;
	source.desc = relation->desc;
	source.matches = relation->matches;
	source.required_outer = required_outer;
	source.rows = baserel->rows;
	source.is_plain = param == NULL;
	if (param != NULL)
	{
		source.rows = param->ppi_rows;
		source.nclauses = list_length(param->ppi_clauses);
		source.matches = tview_condition_collect(root, baserel, source.desc,
												 param->ppi_clauses);
		source.matches = list_concat(source.matches, relation->matches);
	}
	if (add_key_path(&source) || add_lookup_path(&source))
		return;
	add_range_paths(&source);
}

/*
 * Adds to a list the outer relations of those join clauses that could be
 * pushed, each set once.
 */
static List *
collect_outer_sets(PlannerInfo *root, RelOptInfo *baserel, List *clauses,
				   List *sets)
{
	TviewRelation *relation = baserel->fdw_private;
	List *movable = NIL;
	ListCell *lc;

	foreach(lc, clauses)
	{
		RestrictInfo *rinfo = lfirst_node(RestrictInfo, lc);

		if (join_clause_is_movable_to(rinfo, baserel))
			movable = lappend(movable, rinfo);
	}
	foreach(lc, tview_condition_collect(root, baserel, relation->desc, movable))
	{
		TviewMatch *match = lfirst(lc);
		Relids outer = bms_union(match->rinfo->clause_relids,
								 baserel->lateral_relids);
		bool is_known = false;
		ListCell *lc2;

		outer = bms_del_member(outer, baserel->relid);
		foreach(lc2, sets)
			is_known |= bms_equal(lfirst(lc2), outer);
		if (!is_known && !bms_equal(outer, baserel->lateral_relids))
			sets = lappend(sets, outer);
	}
	return sets;
}

/* The column whose equivalence class member is wanted. */
typedef struct ColumnArg
{
	AttrNumber attno;
} ColumnArg;

/* True when the member is the wanted column (a callback of the planner). */
static bool
member_is_column(PlannerInfo *root, RelOptInfo *rel, EquivalenceClass *ec,
				 EquivalenceMember *em, void *arg)
{
	Var *var = tview_condition_column((Node *) em->em_expr, rel->relid);

	return var != NULL && var->varattno == ((ColumnArg *) arg)->attno;
}

/*
 * Returns the clauses that equate one of our columns with other relations'
 * expressions.
 */
static List *
implied_equalities(PlannerInfo *root, RelOptInfo *baserel, AttrNumber attno)
{
	ColumnArg arg;

	arg.attno = attno;
	return generate_implied_equalities_for_column(root, baserel,
												  member_is_column, &arg,
												  baserel->lateral_referencers);
}

/*
 * Adds to a list the outer relations whose expressions are equated with one of
 * our columns; attno is 0 for a TVIEW without a key.
 */
static List *
collect_implied_sets(PlannerInfo *root, RelOptInfo *baserel, AttrNumber attno,
					 List *sets)
{
	if (attno <= 0)
		return sets;
	return collect_outer_sets(root, baserel,
							  implied_equalities(root, baserel, attno), sets);
}

/* Adds all paths of baserel; its sizes have been set. */
void
tview_path_add_all(PlannerInfo *root, RelOptInfo *baserel)
{
	TviewRelation *relation = baserel->fdw_private;
	TviewDesc *desc = relation->desc;
	List *sets = NIL;
	ListCell *lc;

	add_paths_for(root, baserel, baserel->lateral_relids);

	sets = collect_outer_sets(root, baserel, baserel->joininfo, sets);
	if (baserel->has_eclass_joins)
	{
		sets = collect_implied_sets(root, baserel, desc->key, sets);
		for (int i = 0; i < desc->nlookups; i++)
			sets = collect_implied_sets(root, baserel, desc->lookups[i].attno,
										sets);
	}
	foreach(lc, sets)
		add_paths_for(root, baserel, lfirst(lc));
}

/* Reads what add_scan_path has put into the path. */
void
tview_path_decode(ForeignPath *path, TviewPathChoice *choice)
{
	choice->kind = linitial_int(path->fdw_private);
	choice->direction = lsecond_int(path->fdw_private);
	choice->driver = lthird_int(path->fdw_private);
}
