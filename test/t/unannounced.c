/*
 * Another extension that does not call the executor's hooks that were there
 * before its own: a function runs a statement with none of them.
 */
#include "postgres.h"

#include "executor/executor.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "utils/builtins.h"

PG_MODULE_MAGIC;

PG_FUNCTION_INFO_V1(unannounced);

Datum
unannounced(PG_FUNCTION_ARGS)
{
	char *statement = text_to_cstring(PG_GETARG_TEXT_PP(0));
	ExecutorStart_hook_type start = ExecutorStart_hook;
	ExecutorFinish_hook_type finish = ExecutorFinish_hook;

	PG_TRY();
	{
		ExecutorStart_hook = NULL;
		ExecutorFinish_hook = NULL;
		SPI_connect();
		if (SPI_execute(statement, false, 0) < 0)
			elog(ERROR, "could not execute \"%s\"", statement);
		SPI_finish();
	}
	PG_FINALLY();
	{
		ExecutorStart_hook = start;
		ExecutorFinish_hook = finish;
	}
	PG_END_TRY();
	PG_RETURN_VOID();
}
