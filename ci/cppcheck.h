/*
 * What PostgreSQL's macros that look like no C stand for, for cppcheck, which
 * does not see PostgreSQL's headers.
 */
#define PG_MODULE_MAGIC
#define PG_FUNCTION_INFO_V1(name) extern Datum name(PG_FUNCTION_ARGS)
#define PG_FUNCTION_ARGS FunctionCallInfo fcinfo
#define PGDLLEXPORT
#define PGDLLIMPORT
#define UINT64CONST(x) (x##ULL)
#define INT64CONST(x) (x##LL)
#define UINT64_FORMAT "%llu"
#define INT64_FORMAT "%lld"
#define FLEXIBLE_ARRAY_MEMBER
#define pg_attribute_noreturn()
#define pg_attribute_printf(f, a)
#define pg_unreachable() abort()
#define pg_noinline
#define Assert(condition)
#define AssertMacro(condition) ((void) 0)
#define StaticAssertDecl(condition, message) extern void static_assert_fn(void)
#define StaticAssertStmt(condition, message)
#define foreach(cell, list) for (cell = list_head(list); cell; cell = lnext(list, cell))
#define forboth(cell1, list1, cell2, list2) \
	for (cell1 = list_head(list1), cell2 = list_head(list2); \
		 cell1 && cell2; cell1 = lnext(list1, cell1), cell2 = lnext(list2, cell2))
#define PG_TRY() if (enter_try())
#define PG_CATCH() else
#define PG_FINALLY()
#define PG_END_TRY() ((void) 0)
#define DEBUG1 14
#define LOG 15
#define NOTICE 18
#define WARNING 19
#define ERROR 21
#define FATAL 22
#define PANIC 23
#define raise_error(elevel, ...) \
	do { \
		use_arguments(__VA_ARGS__); \
		if ((elevel) >= ERROR) \
			abort(); \
	} while (0)
#define ereport(elevel, ...) raise_error(elevel, __VA_ARGS__)
#define elog(elevel, ...) raise_error(elevel, __VA_ARGS__)
