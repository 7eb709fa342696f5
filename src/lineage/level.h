/*
 * level.h
 *		A view expanded: one level per query, one node per base table
 *		occurrence.
 *
 * Nested views and TVIEWs are levels of their own, entered where they are
 * read.  The queries are private copies; nothing in them is changed after the
 * tree is built.
 */
#ifndef TVIEW_LEVEL_H
#define TVIEW_LEVEL_H

#include "postgres.h"

#include "lineage/lineage.h"
#include "nodes/parsenodes.h"
#include "nodes/pathnodes.h"

struct TviewLevel;

/* How a restricting equality reaches a node: node.attno = value. */
typedef struct TviewFact
{
	struct TviewNode *node;
	AttrNumber attno;
	struct TviewNode *source; /* the value's node; NULL for a constant */
	AttrNumber source_attno;
	Const *constant;
	bool each; /* the value is an array: node.attno = ANY(value) */
	Oid opno;
	bool flipped;  /* the operator's left side is the value */
	Oid collation; /* the operator's input collation */
	Oid opfamily;
	Oid nodetype; /* the operator's input types */
	Oid valtype;
} TviewFact;

/* One occurrence of a base table. */
typedef struct TviewNode
{
	Oid relid;
	bool inh; /* false: ONLY */
	struct TviewLevel *level;
	int rtindex;
	int number; /* 1.., for aliases */
	bool bound;
	TviewFact *fact; /* what binds it; NULL for the root */
	/* an earlier node bound by the same fact: the same rows */
	struct TviewNode *twin;
	bool single; /* at most one row per root row along the chain */
} TviewNode;

/*
 * What stands behind one range table entry; all empty for functions, values,
 * joins.
 */
typedef struct TviewItem
{
	TviewNode *node;
	struct TviewLevel *sub;
} TviewItem;

typedef struct TviewSubLevel
{
	SubLink *sublink;
	struct TviewLevel *level;
} TviewSubLevel;

typedef struct TviewLevel
{
	Query *query;
	Oid viewid; /* the view or TVIEW whose text it belongs to */
	/* what varlevelsup = 1 names; NULL at the top of a view */
	struct TviewLevel *parent;
	/* the level in which it is read; NULL for the top */
	struct TviewLevel *container;
	Relids members;	  /* range table indexes that are joined or combined */
	TviewItem *items; /* by range table index - 1 */
	List *sublinks;	  /* of TviewSubLevel */
	bool opaque;	  /* depends on rows beyond those that restrictions reach */
} TviewLevel;

/* One run of the analyser. */
typedef struct TviewAnalysis
{
	TviewLineage *lineage;
	Oid viewid;
	List *depends_on;
	List *path;	  /* oids of the views being expanded */
	List *levels; /* of TviewLevel, outer ones first */
	List *nodes;  /* of TviewNode */
	TviewLevel *top;
	TviewNode *root;
} TviewAnalysis;

/*
 * Expands the view into cx->top, cx->levels and cx->nodes, or sets the
 * problem.
 */
extern void tview_level_expand(TviewAnalysis *cx);

/* The level that varlevelsup names, NULL when there is none. */
extern TviewLevel *tview_level_outer(TviewLevel *level, int levelsup);

/* Marks the level and everything read inside it as not to be restricted. */
extern void tview_level_mark_opaque(TviewAnalysis *cx, TviewLevel *level);

typedef bool (*TviewWalker)(Node *node, void *context);

/*
 * Calls walker for the level's own expressions; walkers must return false at a
 * Query, for sub-queries are levels of their own.
 */
extern bool tview_level_walk(TviewLevel *level, TviewWalker walker,
							 void *context);

/* The sub-level of a SubLink met in the level's expressions. */
extern TviewLevel *tview_level_sublink(TviewLevel *level, SubLink *sublink);

#endif /* TVIEW_LEVEL_H */
