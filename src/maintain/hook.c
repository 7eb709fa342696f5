/*
 * hook.c
 *		See hook.h.
 *
 * Which statements are changing tables
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
 *
 * Marking at once
 *
 * To fire a row trigger, PostgreSQL queues the row, and fetches both images of
 * it again at the end of the statement, which costs several times what marking
 * it does.  Whether a trigger fires at all, its condition (WHEN) says, as soon
 * as the row is changed.  So the statement's copy of our trigger gets a
 * condition that marks the row and is never true.  Where none was set, the
 * trigger fires: in statements that began before the library was loaded, for
 * rows that are routed to a partition, COPY, subscriptions.
 */
#include "postgres.h"

#include "cache/statement.h"
#include "cache/wake.h"
#include "catalog/pg_class.h"
#include "catalog/pg_trigger.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "maintain/hook.h"
#include "maintain/mark.h"
#include "maintain/trigger.h"
#include "parser/parsetree.h"
#include "tcop/pquery.h"
#include "tcop/utility.h"
#include "utils/memutils.h"
#include "utils/portal.h"
#include "utils/rel.h"

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

/*
 * Stands for the row trigger's condition, which is looked at as soon as a row
 * is changed: marks it, and says that the trigger need not fire.
 */
static Datum
mark_at_once(ExprState *state, ExprContext *context, bool *isnull)
{
	TupleTableSlot *before = context->ecxt_innertuple;
	TupleTableSlot *after = context->ecxt_outertuple;

	tview_mark_change(state->evalfunc_private,
					  TupIsNull(before) ? NULL : before,
					  TupIsNull(after) ? NULL : after);
	*isnull = false;
	return BoolGetDatum(false);
}

/* Gives the table's row trigger its condition, in this statement only. */
static void
set_condition(EState *estate, ResultRelInfo *result)
{
	static char text[] = ""; /* is there, and is never parsed */
	TriggerDesc *triggers = result->ri_TrigDesc;

	for (int i = 0; triggers != NULL && i < triggers->numtriggers; i++)
	{
		Trigger *trigger = &triggers->triggers[i];
		ExprState *state;

		if (!trigger->tgisinternal || !TRIGGER_FOR_ROW(trigger->tgtype) ||
			trigger->tgname[0] != TVIEW_TRIGGER_ROW_NAME[0] ||
			trigger->tgqual != NULL ||
			strncmp(trigger->tgname, TVIEW_TRIGGER_ROW_NAME,
					strlen(TVIEW_TRIGGER_ROW_NAME)) != 0)
			continue;
		state =
			MemoryContextAllocZero(estate->es_query_cxt, sizeof(ExprState));
		state->type = T_ExprState;
		state->flags = EEO_FLAG_IS_QUAL;
		state->evalfunc = mark_at_once;
		state->evalfunc_private = result->ri_RelationDesc;
		result->ri_TrigWhenExprs[i] = state;
		trigger->tgqual = text;
	}
}

static void
start_executor(QueryDesc *query, int eflags)
{
	bool changes = query->plannedstmt->resultRelations != NIL &&
		!(eflags & EXEC_FLAG_EXPLAIN_ONLY);
	ListCell *lc;

	if (changes)
		tview_statement_begin(eflags & EXEC_FLAG_SKIP_TRIGGERS ? NULL : query,
							  find_table(query->plannedstmt));
	if (next_start)
		next_start(query, eflags);
	else
		standard_ExecutorStart(query, eflags);
	if (changes)
		foreach(lc, query->estate->es_opened_result_relations)
			set_condition(query->estate, lfirst(lc));
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

/* True for COMMIT PREPARED and ROLLBACK PREPARED. */
static bool
ends_prepared(const Node *command)
{
	const TransactionStmt *stmt = (const TransactionStmt *) command;

	return IsA(command, TransactionStmt) &&
		(stmt->kind == TRANS_STMT_COMMIT_PREPARED ||
		 stmt->kind == TRANS_STMT_ROLLBACK_PREPARED);
}

static void
process_utility(PlannedStmt *statement, const char *source, bool read_only,
				ProcessUtilityContext context, ParamListInfo params,
				QueryEnvironment *environment, DestReceiver *receiver,
				QueryCompletion *completion)
{
	bool copies = IsA(statement->utilityStmt, CopyStmt) &&
		castNode(CopyStmt, statement->utilityStmt)->is_from;
	bool ends = ends_prepared(statement->utilityStmt);

	/* extensions call what they make up themselves top-level, too */
	if (context == PROCESS_UTILITY_TOPLEVEL && ActivePortal != NULL &&
		list_member_ptr(ActivePortal->stmts, statement))
		tview_statement_note_command();
	if (copies)
		tview_statement_begin(statement, InvalidOid);
	/* what may throw comes before: an error afterwards would be misleading */
	if (ends)
		tview_wake_prepare();
	if (next_utility)
		next_utility(statement, source, read_only, context, params,
					 environment, receiver, completion);
	else
		standard_ProcessUtility(statement, source, read_only, context, params,
								environment, receiver, completion);
	if (copies)
		tview_statement_end(statement);
	if (ends)
		tview_wake_where_marks_wait();
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
