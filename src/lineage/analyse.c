/*
 * analyse.c
 *		The analyser's phases, in order.
 */
#include "postgres.h"

#include "lineage/bind.h"
#include "lineage/columns.h"
#include "lineage/level.h"
#include "lineage/lineage.h"
#include "lineage/purity.h"
#include "lineage/root.h"
#include "lineage/tagquery.h"
#include "lineage/unique.h"

const char *const tview_lineage_setting_names[TVIEW_SETTING_COUNT] = {
	"timezone", "datestyle", "intervalstyle",
	"extra_float_digits", "bytea_output", "lc_monetary",
	"lc_numeric", "lc_time", "default_text_search_config",
	"search_path", "xmlbinary", "xmloption",
	"quote_all_identifiers", "array_nulls", "timezone_abbreviations"};

TviewLineage *
tview_lineage_analyse(Oid viewid, const char *key, List *depends_on)
{
	TviewLineage *lineage = palloc0(sizeof(TviewLineage));
	TviewAnalysis cx = {
		.lineage = lineage, .viewid = viewid, .depends_on = depends_on};

	tview_level_expand(&cx);
	if (lineage->problem == NULL)
		tview_root_find(&cx, key);
	if (lineage->problem == NULL)
		tview_purity_check(&cx);
	if (lineage->problem != NULL)
		return lineage;

	tview_bind_nodes(&cx);
	tview_columns_collect(&cx);
	if (lineage->problem != NULL)
		return lineage;
	tview_tagquery_write(&cx);
	lineage->unique_proven = tview_unique_prove(&cx, lineage->key_view);
	return lineage;
}
