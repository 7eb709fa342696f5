/*
 * hook.c
 *		See hook.h.
 *
 * Every statement passes here, so what is done for one that changes nothing is
 * a comparison.  For the others one entry is made, whose table is looked at by
 * the rare reader that finds it (cache/statement.h).
 *
 * A statement ends when ExecutorFinish has fired its AFTER triggers.  Where it
 * is told to leave them to the statement around it (the actions of foreign
 * keys are), it ends with that one.  COPY does not use the executor.
 *
 * A statement on several tables (partitions, children, data-modifying WITH) or
 * on a partitioned one, of which the executor finds the partition, stands for
 * every table that is locked for writing.
 */
#include "postgres.h"

#include "cache/statement.h"
#include "catalog/pg_class.h"
#include "executor/executor.h"
#include "maintain/hook.h"
#include "parser/parsetree.h"
#include "tcop/pquery.h"
#include "tcop/utility.h"
#include "utils/portal.h"

static ExecutorStart_hook_type next_start = NULL;
static ExecutorFinish_hook_type next_finish = NULL;
static ProcessUtility_hook_type next_utility = NULL;

/* The table that a statement changes, InvalidOid for several. */
static Oid
find_table(const PlannedStmt *statement)
{
	RangeTblEntry *entry;

	if (list_length(statement->resultRelations) != 1)
		return InvalidOid;
	entry =
		rt_fetch(linitial_int(statement->resultRelations), statement->rtable);
	return entry->relkind == RELKIND_PARTITIONED_TABLE ? InvalidOid
													   : entry->relid;
}

static void
start_executor(QueryDesc *query, int eflags)
{
	if (query->plannedstmt->resultRelations != NIL &&
		!(eflags & EXEC_FLAG_EXPLAIN_ONLY))
		tview_statement_begin(eflags & EXEC_FLAG_SKIP_TRIGGERS ? NULL : query,
							  find_table(query->plannedstmt));
	if (next_start)
		next_start(query, eflags);
	else
		standard_ExecutorStart(query, eflags);
}

static void
finish_executor(QueryDesc *query)
{
	if (next_finish)
		next_finish(query);
	else
		standard_ExecutorFinish(query);
	if (query->plannedstmt->resultRelations != NIL)
		tview_statement_end(query);
}

static void
process_utility(PlannedStmt *statement, const char *source, bool read_only,
				ProcessUtilityContext context, ParamListInfo params,
				QueryEnvironment *environment, DestReceiver *receiver,
				QueryCompletion *completion)
{
	bool copies = IsA(statement->utilityStmt, CopyStmt) &&
		castNode(CopyStmt, statement->utilityStmt)->is_from;

	/* extensions call what they make up themselves top-level, too */
	if (context == PROCESS_UTILITY_TOPLEVEL && ActivePortal != NULL &&
		list_member_ptr(ActivePortal->stmts, statement))
		tview_statement_note_command();
	if (copies)
		tview_statement_begin(statement, InvalidOid);
	if (next_utility)
		next_utility(statement, source, read_only, context, params,
					 environment, receiver, completion);
	else
		standard_ProcessUtility(statement, source, read_only, context, params,
								environment, receiver, completion);
	if (copies)
		tview_statement_end(statement);
}

void
tview_hook_init(void)
{
	next_start = ExecutorStart_hook;
	ExecutorStart_hook = start_executor;
	next_finish = ExecutorFinish_hook;
	ExecutorFinish_hook = finish_executor;
	next_utility = ProcessUtility_hook;
	ProcessUtility_hook = process_utility;
}
