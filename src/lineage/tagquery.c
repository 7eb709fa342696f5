/*
 * tagquery.c
 *		Writes the tag query.
 *
 * One row per key of the root, and per bound node the values by which its
 * rows are found.  Only the facts that bind are joined over, never the view's
 * other conditions: a row that is filtered out today must leave the tag that
 * lets it in tomorrow.
 *
 * Nodes with at most one row per root row are left-joined; behind the first
 * other node on a chain an ARRAY sub-query collects the values.  When several
 * root rows may share a key, the outermost FROM yields the distinct keys, and
 * the root is itself the first node of every such sub-query.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_am.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "lib/stringinfo.h"
#include "lineage/columns.h"
#include "lineage/relation.h"
#include "lineage/tagquery.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

typedef struct Writer
{
	TviewAnalysis *cx;
	List *joined; /* nodes left-joined in the outermost FROM, in order */
	List *texts;  /* char *, of the tag columns */
} Writer;

/* [ONLY] schema.table alias */
static char *
write_table(TviewNode *node)
{
	return psprintf("%s%s n%d", node->inh ? "" : "ONLY ",
					quote_qualified_identifier(
						get_namespace_name(get_rel_namespace(node->relid)),
						get_rel_name(node->relid)),
					node->number);
}

/* A type's name that means the same under any search_path, without length. */
static char *
write_type(Oid type)
{
	return format_type_extended(
		type, -1, FORMAT_TYPE_TYPEMOD_GIVEN | FORMAT_TYPE_FORCE_QUALIFY);
}

/* A constant, readable under any settings, as a value of the type. */
static char *
write_constant(Const *constant, Oid type)
{
	Oid output;
	bool varlena;
	int nestlevel = NewGUCNestLevel();
	char *text;

	(void) set_config_option("datestyle", "ISO", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	(void) set_config_option("intervalstyle", "postgres", PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	(void) set_config_option("extra_float_digits", "3", PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	(void) set_config_option("timezone", "UTC", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	(void) set_config_option("bytea_output", "hex", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	getTypeOutputInfo(constant->consttype, &output, &varlena);
	text = OidOutputFunctionCall(output, constant->constvalue);
	AtEOXact_GUC(true, nestlevel);
	text = psprintf("%s::%s", quote_literal_cstr(text),
					write_type(constant->consttype));
	return type == constant->consttype
		? text
		: psprintf("(%s)::%s", text, write_type(type));
}

/* Is the root's key the value, in a query over distinct keys? */
static bool
is_shared_key(TviewAnalysis *cx, TviewNode *node, AttrNumber attno)
{
	return node == cx->root && !node->single && attno == cx->lineage->key_root;
}

/* A column of a node as the operator's input type (InvalidOid: as it is). */
static char *
write_column(TviewAnalysis *cx, TviewNode *node, AttrNumber attno, Oid type)
{
	char *text;

	if (is_shared_key(cx, node, attno))
		text = "r.key";
	else
		text =
			psprintf("n%d.%s", node->number,
					 quote_identifier(get_attname(node->relid, attno, false)));
	if (OidIsValid(type) && type != get_atttype(node->relid, attno))
		text = psprintf("(%s)::%s", text, write_type(type));
	return text;
}

/* Have both columns of the fact the collation of its equality? */
static bool
collations_agree(TviewFact *fact)
{
	Oid type;
	int32 typmod;
	Oid collation;

	get_atttypetypmodcoll(fact->node->relid, fact->attno, &type, &typmod,
						  &collation);
	if (collation != fact->collation || fact->source == NULL)
		return collation == fact->collation;
	get_atttypetypmodcoll(fact->source->relid, fact->source_attno, &type,
						  &typmod, &collation);
	return collation == fact->collation;
}

/*
 * COLLATE, when the sides of the fact's equality do not say it by themselves.
 */
static char *
write_collation(TviewFact *fact)
{
	HeapTuple tuple;
	Form_pg_collation form;
	char *text;

	if (!OidIsValid(fact->collation) || collations_agree(fact))
		return "";
	tuple = SearchSysCache1(COLLOID, ObjectIdGetDatum(fact->collation));
	if (!HeapTupleIsValid(tuple))
		return "";
	form = (Form_pg_collation) GETSTRUCT(tuple);
	text = psprintf(
		" COLLATE %s",
		quote_qualified_identifier(get_namespace_name(form->collnamespace),
								   NameStr(form->collname)));
	ReleaseSysCache(tuple);
	return text;
}

/* The value of a fact; an array when fact->each. */
static char *
write_value(TviewAnalysis *cx, TviewFact *fact)
{
	if (fact->source == NULL)
		return write_constant(fact->constant,
							  fact->each ? get_array_type(fact->valtype)
										 : fact->valtype);
	return write_column(cx, fact->source, fact->source_attno,
						fact->each ? get_array_type(fact->valtype)
								   : fact->valtype);
}

/* node.column = value */
static char *
write_condition(TviewAnalysis *cx, TviewFact *fact)
{
	HeapTuple tuple = SearchSysCache1(OPEROID, ObjectIdGetDatum(fact->opno));
	Form_pg_operator form;
	char *column = write_column(cx, fact->node, fact->attno, fact->nodetype);
	char *value = write_value(cx, fact);
	char *text;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for operator %u", fact->opno);
	form = (Form_pg_operator) GETSTRUCT(tuple);
	text = psprintf("OPERATOR(%s.%s)",
					quote_identifier(get_namespace_name(form->oprnamespace)),
					NameStr(form->oprname));
	ReleaseSysCache(tuple);
	if (fact->each)
		return psprintf("%s%s %s ANY (%s)", column, write_collation(fact), text,
						value);
	if (fact->flipped)
		return psprintf("%s %s %s%s", value, text, column,
						write_collation(fact));
	return psprintf("%s%s %s %s", column, write_collation(fact), text, value);
}

/* Has the value one row per key in the outermost FROM? */
static bool
is_outermost(TviewAnalysis *cx, TviewNode *node, AttrNumber attno)
{
	return node == NULL || node->single || is_shared_key(cx, node, attno);
}

/* Makes sure that a single node can be named in the outermost FROM. */
static void
join_node(Writer *writer, TviewNode *node)
{
	if (node == NULL || node->fact == NULL || !node->single ||
		list_member_ptr(writer->joined, node))
		return;
	join_node(writer, node->fact->source);
	writer->joined = lappend(writer->joined, node);
}

/* node.key = r.key, for the root among several rows with a key. */
static char *
write_key_condition(TviewAnalysis *cx)
{
	return psprintf("n%d.%s OPERATOR(pg_catalog.=) r.key", cx->root->number,
					quote_identifier(get_attname(
						cx->root->relid, cx->lineage->key_root, false)));
}

/* ARRAY(SELECT value FROM the chain down to its node). */
static char *
write_array(Writer *writer, TviewFact *fact)
{
	TviewAnalysis *cx = writer->cx;
	List *chain = list_make1(fact->source);
	TviewNode *first = fact->source;
	StringInfoData buf;
	ListCell *lc;

	while (first->fact != NULL &&
		   !is_outermost(cx, first->fact->source, first->fact->source_attno))
	{
		first = first->fact->source;
		chain = lcons(first, chain);
	}
	initStringInfo(&buf);
	appendStringInfo(&buf,
					 fact->each ? "ARRAY(SELECT pg_catalog.unnest(%s) FROM %s"
								: "ARRAY(SELECT %s FROM %s",
					 write_value(cx, fact), write_table(first));
	for_each_from(lc, chain, 1)
	{
		TviewNode *node = lfirst(lc);

		appendStringInfo(&buf, " JOIN %s ON %s", write_table(node),
						 write_condition(cx, node->fact));
	}
	if (first->fact != NULL)
		join_node(writer, first->fact->source);
	appendStringInfo(&buf, " WHERE %s)",
					 first->fact ? write_condition(cx, first->fact)
								 : write_key_condition(cx));
	return buf.data;
}

/* Adds a tag column unless it is there already. */
static void
add_tag_column(Writer *writer, const TviewTagColumn *tag, char *text)
{
	TviewLineage *lineage = writer->cx->lineage;
	TviewTagColumn *copy;

	for (int i = 0; i < list_length(lineage->tagcols); i++)
	{
		TviewTagColumn *known = list_nth(lineage->tagcols, i);

		if (known->relid == tag->relid && known->attno == tag->attno &&
			known->opfamily == tag->opfamily &&
			strcmp(list_nth(writer->texts, i), text) == 0)
			return;
	}
	copy = palloc(sizeof(TviewTagColumn));
	*copy = *tag;
	lineage->tagcols = lappend(lineage->tagcols, copy);
	writer->texts = lappend(writer->texts, text);
}

/* Adds the tag column of a bound node. */
static void
add_node_tag(Writer *writer, TviewNode *node)
{
	TviewAnalysis *cx = writer->cx;
	TviewFact *fact = node->fact;
	TviewTagColumn tag = {0};
	char *text;

	if (is_outermost(cx, fact->source, fact->source_attno))
	{
		join_node(writer, fact->source);
		text = write_value(cx, fact);
		tag.multiple = fact->each;
	}
	else
	{
		text = write_array(writer, fact);
		tag.multiple = true;
	}
	tag.relid = node->relid;
	tag.attno = fact->attno;
	tag.opfamily = fact->opfamily;
	tag.valtype = fact->valtype;
	add_tag_column(writer, &tag, text);
}

/* Adds a tracked column, or widens one that is there. */
static void
add_tracked(TviewLineage *lineage, Oid relid, AttrNumber attno, Oid opfamily,
			bool reaches)
{
	TviewTracked *tracked;
	ListCell *lc;

	foreach(lc, lineage->tracked)
	{
		tracked = lfirst(lc);
		if (tracked->relid == relid && tracked->attno == attno &&
			tracked->opfamily == opfamily)
		{
			tracked->reaches |= reaches;
			return;
		}
	}
	tracked = palloc0(sizeof(TviewTracked));
	tracked->relid = relid;
	tracked->attno = attno;
	tracked->opfamily = opfamily;
	tracked->reaches = reaches;
	lineage->tracked = lappend(lineage->tracked, tracked);
}

/* The hash operator family by default of a type. */
static Oid
default_family(Oid type)
{
	Oid opclass = GetDefaultOpClass(type, HASH_AM_OID);

	return OidIsValid(opclass) ? get_opclass_family(opclass) : InvalidOid;
}

/* Adds the root's columns by which rows can be looked up. */
static void
add_lookups(TviewAnalysis *cx)
{
	TviewLineage *lineage = cx->lineage;

	for (int i = 0; i < lineage->ncolumns; i++)
	{
		AttrNumber attno = lineage->root_column[i];
		Oid type;
		int32 typmod;
		Oid collation;

		if (attno == 0)
			continue;
		get_atttypetypmodcoll(lineage->rootid, attno, &type, &typmod,
							  &collation);
		if (OidIsValid(collation) && !get_collation_isdeterministic(collation))
			continue;
		if (type == INT2OID || type == INT4OID || type == INT8OID ||
			type == UUIDOID || type == TEXTOID || type == VARCHAROID)
			add_tracked(lineage, lineage->rootid, attno, default_family(type),
						false);
	}
}

/* Adds the tag that every row has: its root's key. */
static void
add_root_tag(Writer *writer, char *text)
{
	TviewLineage *lineage = writer->cx->lineage;
	TviewTagColumn tag = {0};

	tag.relid = lineage->rootid;
	tag.attno = lineage->key_root;
	tag.valtype = get_atttype(lineage->rootid, lineage->key_root);
	tag.opfamily = default_family(tag.valtype);
	add_tag_column(writer, &tag, text);
}

/* The outermost FROM: the root, or its distinct keys, and the single nodes. */
static void
write_from(Writer *writer, StringInfo buf)
{
	TviewAnalysis *cx = writer->cx;
	TviewNode *root = cx->root;
	char *key = pstrdup(quote_identifier(
		get_attname(root->relid, cx->lineage->key_root, false)));
	bool not_null =
		tview_relation_is_not_null(root->relid, cx->lineage->key_root);
	ListCell *lc;

	appendStringInfoString(buf, " FROM ");
	if (root->single)
		appendStringInfoString(buf, write_table(root));
	else
		appendStringInfo(buf, "(SELECT DISTINCT n%d.%s AS key FROM %s) r",
						 root->number, key, write_table(root));
	foreach(lc, writer->joined)
	{
		TviewNode *node = lfirst(lc);

		appendStringInfo(buf, " LEFT JOIN %s ON %s", write_table(node),
						 write_condition(cx, node->fact));
	}
	if (!not_null && root->single)
		appendStringInfo(buf, " WHERE n%d.%s IS NOT NULL", root->number, key);
	else if (!not_null)
		appendStringInfoString(buf, " WHERE r.key IS NOT NULL");
}

void
tview_tagquery_write(TviewAnalysis *cx)
{
	TviewLineage *lineage = cx->lineage;
	Writer writer = {.cx = cx};
	StringInfoData buf;
	char *key = cx->root->single
		? write_column(cx, cx->root, lineage->key_root, InvalidOid)
		: pstrdup("r.key");
	int i = 0;
	ListCell *lc;

	add_root_tag(&writer, key);
	foreach(lc, cx->nodes)
	{
		TviewNode *node = lfirst(lc);

		if (node->fact != NULL && node->twin == NULL &&
			!tview_columns_source(lineage, node->relid)->by_relation)
			add_node_tag(&writer, node);
	}
	initStringInfo(&buf);
	appendStringInfo(&buf, "SELECT %s AS key", key);
	foreach(lc, writer.texts)
		appendStringInfo(&buf, ", %s AS t%d", (char *) lfirst(lc), ++i);
	write_from(&writer, &buf);
	lineage->tag_query = buf.data;
	foreach(lc, lineage->tagcols)
	{
		TviewTagColumn *tag = lfirst(lc);

		add_tracked(lineage, tag->relid, tag->attno, tag->opfamily, true);
	}
	add_lookups(cx);
}
