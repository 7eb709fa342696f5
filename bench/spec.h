/*
 * spec.h
 *		What one case of the benchmark runs, as read from a file: see spec.c
 *		for the words of it.
 */
#ifndef BENCH_SPEC_H
#define BENCH_SPEC_H

#include <stdbool.h>

#define MAX_VARIANTS 8
#define MAX_PARAMS 8
#define MAX_STATEMENTS 8

typedef enum StatementKind
{
	STATEMENT_SQL,	/* timed; prepared where the case says so */
	STATEMENT_EXEC, /* timed; never prepared (utility commands) */
	STATEMENT_COPY, /* timed; COPY ... TO STDOUT */
	STATEMENT_PREP	/* not timed */
} StatementKind;

typedef struct Statement
{
	StatementKind kind;
	char *text;
	int nparams; /* the highest $n in it */
} Statement;

typedef enum ParamKind
{
	PARAM_INT, /* uniform in [low, high] */
	PARAM_KEY, /* column `low` of a random row of the keys */
	PARAM_TEXT /* the prefix and a number that never repeats */
} ParamKind;

typedef struct Param
{
	ParamKind kind;
	long low;
	long high;
	char *prefix;
} Param;

typedef struct Variant
{
	char *name;
	char *connect;				 /* libpq's conninfo; "" takes the environment */
	char *setup[MAX_STATEMENTS]; /* once in every session */
	int nsetup;
	Statement statements[MAX_STATEMENTS];
	int nstatements;
	char *after;		 /* after each slice, by one session */
	Statement companion; /* what the other sessions run, if any */
} Variant;

typedef struct Spec
{
	bool prepared;
	bool pinned;  /* client and backends on one processor */
	bool ordered; /* rows come in an order that must agree */
	int clients;
	int companions;
	int rounds;
	int min_rounds; /* before the limit ends the case */
	int limit;		/* seconds */
	int slice;		/* milliseconds */
	int verify;		/* executions that are compared first */
	unsigned long seed;
	char *keys; /* query for PARAM_KEY */
	Param params[MAX_PARAMS];
	int nparams;
	Variant variants[MAX_VARIANTS];
	int nvariants;
} Spec;

extern void spec_read(Spec *spec, const char *path);
extern void die(const char *format, ...)
	__attribute__((noreturn, format(printf, 1, 2)));

#endif /* BENCH_SPEC_H */
